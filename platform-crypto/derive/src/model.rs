//! What the derive was put on, checked.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::{
    Data, DeriveInput, Error, Field, Fields, GenericArgument, Ident, LitInt, LitStr, Path, PathArguments,
    Type,
};

use crate::names::{self, TableName};

/// A row with sealed columns.
pub(crate) struct Row<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) table: TableName,
    pub(crate) fields: Vec<RowField<'a>>,
    tenant: usize,
    row: usize,
    subject: Option<usize>,
}

/// A field of a row.
pub(crate) struct RowField<'a> {
    pub(crate) source: &'a Field,
    pub(crate) ident: &'a Ident,
    pub(crate) column: LitStr,
    pub(crate) sealed: Option<SealedType<'a>>,
    roles: Vec<Role>,
}

/// The type of a sealed field.
pub(crate) struct SealedType<'a> {
    /// What is sealed: `T` of `Sealed<T>`.
    pub(crate) inner: &'a Type,
    /// May the column be null?
    pub(crate) optional: bool,
    pub(crate) padded: Option<LitInt>,
    /// The constant that declares its blind index.
    pub(crate) index: Option<Path>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Tenant,
    Row,
    Subject,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Row => "row",
            Self::Subject => "subject",
        }
    }
}

impl<'a> Row<'a> {
    /// Reads the struct and its attributes.
    ///
    /// # Errors
    /// Everything that is wrong with it, each at its own place.
    pub(crate) fn parse(input: &'a DeriveInput) -> Result<Self, Error> {
        let named = named_fields(input)?;
        let mut mistakes = Mistakes::default();
        let table = mistakes.keep(table_name(input)).flatten();
        let fields: Vec<RowField<'a>> = named
            .iter()
            .filter_map(|field| mistakes.keep(RowField::parse(field)))
            .collect();
        let name = &input.ident;
        if table.is_none() && mistakes.is_empty() {
            mistakes.add(Error::new(
                name.span(),
                "a row with sealed fields names its table: #[sealed(table = \"schema.table\")]",
            ));
        }
        let tenant = only(&fields, Role::Tenant, &mut mistakes);
        let row = only(&fields, Role::Row, &mut mistakes);
        let subject = only(&fields, Role::Subject, &mut mistakes);
        // A field that was refused may have been the one that is missing here.
        let whole = fields.len() == named.len();
        if tenant.is_none() && whole {
            mistakes.add(Error::new(
                name.span(),
                "a sealed value is bound to its tenant: mark the field that holds it with #[sealed(tenant)]",
            ));
        }
        if row.is_none() && whole {
            mistakes.add(Error::new(
                name.span(),
                "a sealed value is bound to its row: mark the field that holds the row's id with #[sealed(row)]",
            ));
        }
        if whole && !fields.iter().any(|field| field.sealed.is_some()) {
            mistakes.add(Error::new(
                name.span(),
                "no field is of the type Sealed<…> or Option<Sealed<…>>, so there is nothing to open or seal",
            ));
        }
        same_columns(&fields, &mut mistakes);
        mistakes.finish()?;
        match (table, tenant, row) {
            (Some(table), Some(tenant), Some(row)) => Ok(Self {
                input,
                table,
                fields,
                tenant,
                row,
                subject,
            }),
            _ => Err(Error::new(name.span(), "the row could not be read")),
        }
    }

    pub(crate) fn tenant(&self) -> &RowField<'a> {
        &self.fields[self.tenant]
    }

    pub(crate) fn row(&self) -> &RowField<'a> {
        &self.fields[self.row]
    }

    pub(crate) fn subject(&self) -> Option<&RowField<'a>> {
        self.subject.map(|index| &self.fields[index])
    }

    pub(crate) fn tenant_column(&self) -> &LitStr {
        &self.tenant().column
    }

    pub(crate) fn row_column(&self) -> &LitStr {
        &self.row().column
    }

    pub(crate) fn subject_column(&self) -> Option<&LitStr> {
        self.subject().map(|field| &field.column)
    }

    /// The sealed fields.
    pub(crate) fn sealed(&self) -> impl Iterator<Item = (&RowField<'a>, &SealedType<'a>)> {
        self.fields
            .iter()
            .filter_map(|field| field.sealed.as_ref().map(|sealed| (field, sealed)))
    }
}

impl<'a> RowField<'a> {
    /// Does its column appear in statements or sealed values?
    fn is_bound(&self) -> bool {
        !self.roles.is_empty() || self.sealed.is_some()
    }

    fn parse(field: &'a Field) -> Result<Self, Error> {
        let ident = field
            .ident
            .as_ref()
            .ok_or_else(|| Error::new_spanned(field, "a field has a name"))?;
        let attributes = FieldAttributes::parse(field)?;
        let sealed_type = sealed_type(&field.ty);
        if let Some((role, span)) = attributes.roles.first()
            && sealed_type.is_some()
        {
            let message = format!(
                "what is marked {} is what opens the row, and is not sealed itself",
                role.word()
            );
            return Err(Error::new(*span, message));
        }
        if let Some(padded) = &attributes.padded
            && sealed_type.is_none()
        {
            return Err(Error::new(padded.span(), "only a sealed field is padded"));
        }
        if let Some(index) = &attributes.index
            && sealed_type.is_none()
        {
            return Err(Error::new_spanned(index, "only a sealed field has a blind index"));
        }
        let is_plain = attributes.roles.is_empty() && sealed_type.is_none();
        let column = match attributes.column {
            Some(column) if is_plain => {
                return Err(Error::new(
                    column.span(),
                    "only the columns of sealed values, tenant, row and subject are named",
                ));
            }
            Some(column) => names::column(column)?,
            None if is_plain => own_name(ident),
            None => {
                renamed_elsewhere(field)?;
                names::column(own_name(ident))?
            }
        };
        Ok(Self {
            source: field,
            ident,
            column,
            sealed: sealed_type.map(|(inner, optional)| SealedType {
                inner,
                optional,
                padded: attributes.padded,
                index: attributes.index,
            }),
            roles: attributes.roles.iter().map(|(role, _)| *role).collect(),
        })
    }
}

#[derive(Default)]
struct FieldAttributes {
    roles: Vec<(Role, Span)>,
    column: Option<LitStr>,
    padded: Option<LitInt>,
    index: Option<Path>,
}

impl FieldAttributes {
    fn parse(field: &Field) -> Result<Self, Error> {
        let mut found = Self::default();
        for attribute in field.attrs.iter().filter(|one| one.path().is_ident("sealed")) {
            attribute.parse_nested_meta(|meta| {
                let role = [Role::Tenant, Role::Row, Role::Subject]
                    .into_iter()
                    .find(|role| meta.path.is_ident(role.word()));
                if let Some(role) = role {
                    // A row may be about the very subject it is named by.
                    let goes_with = |other: Role| role != other && role != Role::Tenant && other != Role::Tenant;
                    if !found.roles.iter().all(|(other, _)| goes_with(*other)) {
                        return Err(meta.error("a field is the tenant, or the row or the subject or both"));
                    }
                    found.roles.push((role, meta.path.segments[0].ident.span()));
                } else if meta.path.is_ident("column") {
                    once(&mut found.column, meta.value()?.parse()?, &meta)?;
                } else if meta.path.is_ident("padded") {
                    let bucket: LitInt = meta.value()?.parse()?;
                    if !matches!(bucket.base10_parse::<u32>()?, 16 | 64 | 256) {
                        return Err(Error::new(bucket.span(), "a value is padded to 16, 64 or 256 bytes"));
                    }
                    once(&mut found.padded, bucket, &meta)?;
                } else if meta.path.is_ident("index") {
                    once(&mut found.index, meta.value()?.parse()?, &meta)?;
                } else if meta.path.is_ident("table") {
                    return Err(meta.error("the table is named on the struct, not on a field"));
                } else {
                    return Err(meta.error(
                        "a field is marked tenant, row or subject, or has column = \"…\", padded = 16, 64 or 256 or index = CONSTANT",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// What was found wrong so far.
#[derive(Default)]
struct Mistakes(Option<Error>);

impl Mistakes {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn finish(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Err)
    }
}

fn named_fields(input: &DeriveInput) -> Result<&syn::punctuated::Punctuated<Field, syn::Token![,]>, Error> {
    const MESSAGE: &str = "SealedRow is derived on a struct with named fields: a row of a table";
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a row of a table has no type parameters and borrows nothing",
        ));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(&fields.named),
            _ => Err(Error::new(input.ident.span(), MESSAGE)),
        },
        _ => Err(Error::new(input.ident.span(), MESSAGE)),
    }
}

fn table_name(input: &DeriveInput) -> Result<Option<TableName>, Error> {
    let mut name = None;
    for attribute in input.attrs.iter().filter(|one| one.path().is_ident("sealed")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("table") {
                return Err(meta.error("a row has table = \"schema.table\""));
            }
            once(&mut name, meta.value()?.parse()?, &meta)
        })?;
    }
    name.map(TableName::parse).transpose()
}

fn once<T>(slot: &mut Option<T>, value: T, meta: &syn::meta::ParseNestedMeta<'_>) -> Result<(), Error> {
    if slot.replace(value).is_some() {
        return Err(meta.error("said twice"));
    }
    Ok(())
}

/// The one field with this role, if any.
fn only(fields: &[RowField<'_>], role: Role, mistakes: &mut Mistakes) -> Option<usize> {
    let mut with_role = (0..fields.len()).filter(|index| fields[*index].roles.contains(&role));
    let first = with_role.next();
    for other in with_role {
        mistakes.add(Error::new(
            fields[other].ident.span(),
            format!(
                "one field is marked {}, and a field above is already",
                role.word()
            ),
        ));
    }
    first
}

fn same_columns(fields: &[RowField<'_>], mistakes: &mut Mistakes) {
    for (index, field) in fields.iter().enumerate().filter(|(_, field)| field.is_bound()) {
        let name = field.column.value();
        if fields[..index].iter().any(|other| other.column.value() == name) {
            mistakes.add(Error::new(
                field.column.span(),
                format!("a field above is the column {name} already"),
            ));
        }
    }
}

fn own_name(ident: &Ident) -> LitStr {
    LitStr::new(&ident.unraw().to_string(), ident.span())
}

/// The column's name is bound into the sealed value, so that it is not taken from what another derive makes of the field.
fn renamed_elsewhere(field: &Field) -> Result<(), Error> {
    for attribute in field.attrs.iter().filter(|one| one.path().is_ident("sqlx")) {
        attribute.parse_nested_meta(|meta| {
            let renamed = meta.path.is_ident("rename");
            if meta.input.peek(syn::Token![=]) {
                let _: syn::Expr = meta.value()?.parse()?;
            } else if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                let _: proc_macro2::TokenStream = content.parse()?;
            }
            match renamed {
                true => Err(meta.error("a renamed column is named here too: #[sealed(column = \"…\")]")),
                false => Ok(()),
            }
        })?;
    }
    Ok(())
}

/// `T` of `Sealed<T>` or `Option<Sealed<T>>`, and whether it was the latter.
fn sealed_type(ty: &Type) -> Option<(&Type, bool)> {
    if let Some(inner) = argument_of(ty, "Sealed") {
        return Some((inner, false));
    }
    let inner = argument_of(argument_of(ty, "Option")?, "Sealed")?;
    Some((inner, true))
}

/// `X` of `some::path::name<X>`.
pub(crate) fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(row: DeriveInput) -> String {
        Row::parse(&row)
            .map(|_| String::new())
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn a_column_that_another_derive_renames_has_to_be_named_here_too() {
        let renamed = |attributes: proc_macro2::TokenStream| {
            mistake(syn::parse_quote! {
                #[sealed(table = "shop.customer")]
                struct Customer {
                    #[sealed(tenant)]
                    tenant_id: TenantId,
                    #[sealed(row)]
                    id: Uuid,
                    #attributes
                    email: Sealed<String>,
                    #[sqlx(rename = "remark", json(nullable))]
                    note: String,
                }
            })
        };

        let refused = renamed(quote::quote!(#[sqlx(json(nullable), rename = "mail")]));
        let named = renamed(quote::quote!(#[sqlx(rename = "mail")] #[sealed(column = "mail")]));

        assert_eq!(
            refused,
            "a renamed column is named here too: #[sealed(column = \"…\")]"
        );
        assert_eq!(named, "");
    }
}
