//! A column without a name does not compile.

use platform_crypto::Column;

const NAMELESS: Column<String> = Column::new("crm.customer", "");

fn main() {
    let _ = NAMELESS;
}
