//! The code that a row gets.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Ident};

use crate::model::{Row, RowField, SealedType, argument_of};
use crate::statements;

/// Everything the derive makes.
pub(crate) fn expand(row: &Row<'_>) -> TokenStream {
    let opened = format_ident!("Opened{}", row.input.ident.unraw());
    let columns = columns(row);
    let opened_struct = opened_struct(row, &opened);
    let open_and_seal = open_and_seal(row, &opened);
    let sealed_row = sealed_row(row, &opened);
    quote! {
        #opened_struct
        #columns
        #open_and_seal
        #sealed_row
    }
}

/// `Customer::EMAIL`.
fn columns(row: &Row<'_>) -> TokenStream {
    let name = &row.input.ident;
    let constants = row.sealed().map(|(field, sealed)| {
        let visibility = &field.source.vis;
        let constant = constant(field);
        let inner = sealed.inner;
        let doc = format!(" The sealed column `{}`.", field.column.value());
        let made = column(row, field, sealed);
        quote! {
            #[doc = #doc]
            #[allow(dead_code, reason = "not every row is sealed value by value")]
            #visibility const #constant: ::platform_crypto::Column<#inner> = #made;
        }
    });
    quote! {
        #[automatically_derived]
        impl #name {
            #(#constants)*
        }
    }
}

fn column(row: &Row<'_>, field: &RowField<'_>, sealed: &SealedType<'_>) -> TokenStream {
    let table = &row.table.full;
    let column = &field.column;
    let padded = sealed.padded.as_ref().map(|bucket| {
        let bucket = format_ident!("To{}", bucket.base10_digits());
        quote!(.padded(::platform_crypto::Padding::#bucket))
    });
    quote!(::platform_crypto::Column::new(#table, #column)#padded)
}

fn constant(field: &RowField<'_>) -> Ident {
    let name = field.ident.unraw().to_string().to_uppercase();
    Ident::new(&name, field.ident.span())
}

/// `struct OpenedCustomer`.
fn opened_struct(row: &Row<'_>, opened: &Ident) -> TokenStream {
    let visibility = &row.input.vis;
    let name = &row.input.ident;
    let doc = format!(" What [`{name}`] says once it is opened.");
    let fields = row.fields.iter().map(|field| {
        let documents = documents(&field.source.attrs);
        let visibility = &field.source.vis;
        let ident = field.ident;
        let ty = match &field.sealed {
            Some(SealedType {
                inner,
                optional: true,
                ..
            }) => {
                quote!(::core::option::Option<::platform_crypto::Secret<#inner>>)
            }
            Some(SealedType { inner, .. }) => quote!(::platform_crypto::Secret<#inner>),
            None => {
                let ty = &field.source.ty;
                quote!(#ty)
            }
        };
        quote! { #(#documents)* #visibility #ident: #ty }
    });
    let shown = opened.to_string();
    let id = row.row().ident;
    quote! {
        #[doc = #doc]
        #[allow(dead_code, missing_docs, reason = "its fields are those of the row")]
        #visibility struct #opened {
            #(#fields,)*
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #opened {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let row: ::platform_crypto::RowId = ::core::convert::Into::into(::core::clone::Clone::clone(&self.#id));
                f.debug_struct(#shown).field("row", &row).finish_non_exhaustive()
            }
        }
    }
}

fn documents(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
}

/// `Customer::open` and `OpenedCustomer::seal`.
fn open_and_seal(row: &Row<'_>, opened: &Ident) -> TokenStream {
    let name = &row.input.ident;
    let visibility = &row.input.vis;
    let opening = row.fields.iter().map(|field| each(row, field, Way::Open));
    let sealing = row.fields.iter().map(|field| each(row, field, Way::Seal));
    let open_doc = " Opens every sealed value of the row.\n\n # Errors\n The first value that does not open with these keys.";
    let seal_doc = " Seals every secret value: the row as it is stored.\n\n # Errors\n The keys are another tenant's or spent, or a value is too long.";
    quote! {
        #[automatically_derived]
        impl #name {
            #[doc = #open_doc]
            #[allow(dead_code, reason = "a list is opened as a whole")]
            #visibility fn open(
                &self,
                keys: &impl ::platform_crypto::OpenKeys,
            ) -> ::core::result::Result<#opened, ::platform_crypto::OpenError> {
                ::core::result::Result::Ok(#opened { #(#opening,)* })
            }
        }

        #[automatically_derived]
        impl #opened {
            #[doc = #seal_doc]
            #[allow(dead_code, reason = "not every row is written by its reader")]
            #visibility fn seal(
                &self,
                keys: &impl ::platform_crypto::SealKeys,
            ) -> ::core::result::Result<#name, ::platform_crypto::SealError> {
                ::core::result::Result::Ok(#name { #(#sealing,)* })
            }
        }
    }
}

/// What is done to a row, field by field.
#[derive(Clone, Copy)]
enum Way {
    Open,
    Seal,
}

fn each(row: &Row<'_>, field: &RowField<'_>, way: Way) -> TokenStream {
    let ident = field.ident;
    let Some(sealed) = &field.sealed else {
        let copied = copied(field);
        return quote!(#ident: #copied);
    };
    let value = if sealed.optional {
        quote!(value)
    } else {
        quote!(&self.#ident)
    };
    let name = &row.input.ident;
    let constant = constant(field);
    let (tenant, id) = (copied(row.tenant()), copied(row.row()));
    let at = quote!(&#name::#constant.at(#tenant, #id));
    let done = match way {
        Way::Open => quote!(::platform_crypto::OpenKeys::open(keys, #at, #value)?),
        Way::Seal => quote!(::platform_crypto::SealKeys::seal(keys, #at, (#value).expose())?),
    };
    if !sealed.optional {
        return quote!(#ident: #done);
    }
    quote! {
        #ident: match &self.#ident {
            ::core::option::Option::Some(value) => ::core::option::Option::Some(#done),
            ::core::option::Option::None => ::core::option::Option::None,
        }
    }
}

/// A copy of a field of `self`; what is wrong with its type is reported at the type.
fn copied(field: &RowField<'_>) -> TokenStream {
    let ident = field.ident;
    quote_spanned!(at_type(field) => ::core::clone::Clone::clone(&self.#ident))
}

/// The place of a field's type, with `self` as the generated code knows it.
fn at_type(field: &RowField<'_>) -> Span {
    field.source.ty.span().resolved_at(Span::call_site())
}

/// `impl SealedRow for Customer`.
fn sealed_row(row: &Row<'_>, opened: &Ident) -> TokenStream {
    let name = &row.input.ident;
    let table = table(row);
    let (tenant, id) = (copied(row.tenant()), copied(row.row()));
    let subject = match row.subject() {
        None => quote!(::core::option::Option::None),
        Some(field) => {
            let copied = copied(field);
            let into = quote!(::platform_crypto::__private::subject_id);
            match argument_of(&field.source.ty, "Option") {
                Some(_) => quote_spanned!(at_type(field) => ::core::option::Option::map(#copied, #into)),
                None => quote_spanned!(at_type(field) => ::core::option::Option::Some(#into(#copied))),
            }
        }
    };
    let key_ids = row.sealed().map(|(field, sealed)| {
        let ident = field.ident;
        if sealed.optional {
            quote!(ids.extend(self.#ident.as_ref().and_then(|value| value.key_id().ok()));)
        } else {
            quote!(ids.extend(self.#ident.key_id().ok());)
        }
    });
    let count = row.sealed().count();
    quote! {
        #[automatically_derived]
        impl ::platform_crypto::SealedRow for #name {
            type Opened = #opened;

            const TABLE: &'static ::platform_crypto::SealedTable = { #table };

            fn tenant(&self) -> ::platform_crypto::__private::TenantId {
                #tenant
            }

            fn row(&self) -> ::platform_crypto::RowId {
                ::core::convert::Into::into(#id)
            }

            fn subject(&self) -> ::core::option::Option<::platform_crypto::SubjectId> {
                #subject
            }

            fn key_ids(&self) -> ::std::vec::Vec<::platform_crypto::KeyId> {
                let mut ids = ::std::vec::Vec::with_capacity(#count);
                #(#key_ids)*
                ids
            }

            fn open(
                &self,
                keys: &impl ::platform_crypto::OpenKeys,
            ) -> ::core::result::Result<Self::Opened, ::platform_crypto::OpenError> {
                #name::open(self, keys)
            }
        }
    }
}

/// The table, for the re-sealing job.
fn table(row: &Row<'_>) -> TokenStream {
    let columns = row.sealed().map(|(field, sealed)| {
        let raw = column(row, field, sealed);
        let fetch = statements::fetch(row, &field.column.value());
        let hold = statements::hold(row, &field.column.value());
        let swap = statements::swap(row, &field.column.value());
        let index = match &sealed.index {
            Some(index) => quote!(::core::option::Option::Some(#index)),
            None => quote!(::core::option::Option::None),
        };
        quote! {
            ::platform_crypto::__private::sealed_column(::platform_crypto::__private::ColumnParts {
                column: #raw,
                index: #index,
                fetch: #fetch,
                hold: #hold,
                swap: #swap,
            })
        }
    });
    let name = &row.table.full;
    let has_subject = row.subject().is_some();
    let page = statements::page(row);
    let uses = statements::uses(row);
    let remaining = statements::remaining(row);
    quote! {
        const COLUMNS: &[::platform_crypto::SealedColumn] = &[#(#columns,)*];
        const TABLE: &::platform_crypto::SealedTable = &::platform_crypto::__private::sealed_table(
            ::platform_crypto::__private::TableParts {
                name: #name,
                columns: COLUMNS,
                has_subject: #has_subject,
                page: #page,
                uses: #uses,
                remaining: #remaining,
            },
        );
        TABLE
    }
}
