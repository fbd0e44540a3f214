use super::*;

fn fault(recipe: &str) -> RecipeError {
    recipe.parse::<Recipe>().expect_err(recipe)
}

#[test]
fn the_recipe_of_the_documentation_is_read() {
    let recipe: Recipe = r##"
        [record]
        match = ["/book/**"]
        each  = "article.product"
        key   = "sku"
        min   = 1
        [fields]
        title = "h3 a@title"
        price = { css = ".price", as = "number", decimal = ",", required = true }
        tags  = { css = "ul.tags li", many = true, join = ", " }
        image = { css = ["img.main@src", "img@src"], as = "url" }
        sku   = { css = ".sku", regex = "SKU-(\\d+)", default = "" }
        upc   = { label = "UPC" }
        stock = { css = "p", contains = "available", regex = "(\\d+)", as = "integer" }
        shop  = { page = "header .shop" }
        about = { json_ld = "/description", type = "Product" }
        state = { script = "#__NEXT_DATA__", json = "/props/name" }
        [detail]
        link = "h3 a@href"
        [detail.fields]
        isbn = ".isbn"
        [follow]
        next  = "li.next a"
        links = "h3 a, nav a"
        allow = ["/catalogue/**"]
        deny  = ["**/login"]
        max_depth = 5
        [request]
        headers = { Accept-Language = "de", Authorization = "env:TOKEN" }
    "##
    .parse()
    .unwrap();
    assert_eq!(recipe.field_names().len(), 11);
    assert_eq!(recipe.field_names().last(), Some(&"isbn"));
    assert_eq!((recipe.key(), recipe.max_depth()), (Some("sku"), Some(5)));
    assert!(recipe.has_next() && recipe.has_detail());
    assert_eq!(recipe.request().headers[1], ("Authorization".to_owned(), "env:TOKEN".to_owned()));
    assert_eq!(recipe.to_toml().parse::<Recipe>().unwrap(), recipe);
}

#[test]
fn what_does_not_hold_is_named_with_its_place_and_what_would_be_right() {
    // recipe, line, column, part of the message, part of the hint
    let cases = [
        (
            "[fields]\nprice = { css = '.p', decimel = ',' }",
            2,
            23,
            "unknown key `decimel` in `fields.price`",
            "`decimal`",
        ),
        ("[feilds]\na = 'b'", 1, 2, "unknown key `feilds`", "`fields`"),
        ("title = 'h1'", 1, 1, "unknown key `title`", "the keys here are record, fields"),
        ("[record]\neech = 'p'", 2, 1, "unknown key `eech` in `record`", "`each`"),
        ("[fields]\na = { selector = 'p' }", 2, 7, "unknown key `selector`", "`css`"),
        ("[fields]\na = { css = 'p', type = 'number' }", 2, 25, "`type` does nothing beside `css`", "`as`"),
        ("[fields]\na = { css = 'p', as = 'numbre' }", 2, 23, "`numbre` is not a type", "`number`"),
        ("[fields]\na = { css = 'p', as = 'int' }", 2, 23, "`int` is not a type", "`integer`"),
        ("[fields]\na = 'h3 >'", 2, 9, "`fields.a`: selector `h3 >` does not parse at its end", ""),
        ("[fields]\na = 'p, div{}'", 2, 12, "at character 7", ""),
        ("[fields]\na = ['p', 'a:contains(x)']", 2, 13, "pseudo", "contains ="),
        ("[fields]\na = '//a/@href'", 2, 6, "XPath", "`a@href`"),
        ("[record]\neach = '//li'", 2, 9, "XPath", "`li`"),
        ("[fields]\na = { css = 'p', regex = '(' }", 2, 26, "regex `(` does not parse", ""),
        (
            "[fields]\na = { css = 'p', decimal = ',' }",
            2,
            28,
            "`decimal` does nothing without `as = \"number\"`",
            "",
        ),
        ("[fields]\na = { css = 'p', as = 'number', decimal = ';' }", 2, 43, "`;` is not a decimal mark", ""),
        ("[fields]\na = { css = 'p', join = ',' }", 2, 25, "`join` does nothing without `many = true`", ""),
        (
            "[fields]\na = { css = 'p', format = '%Y' }",
            2,
            27,
            "`format` does nothing without `as = \"date\"`",
            "",
        ),
        (
            "[fields]\na = { css = 'p', as = 'date', format = 'dd.mm' }",
            2,
            40,
            "not the format of a date",
            "%d.%m.%Y",
        ),
        ("[fields]\na = { css = 'p', as = 'date', format = '%H:%M' }", 2, 40, "it names no year", "%d.%m.%Y"),
        (
            "[fields]\na = { css = 'p', as = 'date', timezone = 'Europe/Berlim' }",
            2,
            42,
            "`Europe/Berlim` is neither an offset from UTC nor the name of a time zone",
            "`Europe/Berlin`",
        ),
        (
            "[fields]\na = { css = 'p', as = 'number', default = '0' }",
            2,
            43,
            "must be a number, as the field is, not the text `0`",
            "",
        ),
        ("[fields]\na = { css = 'p', as = 'integer', default = 0.5 }", 2, 44, "must be an integer", ""),
        (
            "[fields]\na = { css = 'p', as = 'bool', default = 1 }",
            2,
            41,
            "must be true or false, as the field is",
            "",
        ),
        ("[fields]\na = { css = 'p', as = 'date', default = 'soon' }", 2, 41, "must be a date", ""),
        ("[fields]\na = { css = 'p', default = 0 }", 2, 28, "must be a text, as the field is, not `0`", ""),
        ("[fields]\na = { css = 'p', many = true, default = '' }", 2, 41, "must be a list", "`default = []`"),
        (
            "[fields]\na = { css = 'p', many = true, as = 'integer', default = [1, 'x'] }",
            2,
            61,
            "must be an integer",
            "",
        ),
        ("[fields]\na = { css = 'p', many = true, join = ', ', default = [] }", 2, 54, "must be a text", ""),
        ("[fields]\na = { css = 'p', many = 'yes' }", 2, 25, "must be true or false, not the text `yes`", ""),
        ("[fields]\na = { css = 'p', label = 'x' }", 2, 26, "`css` and `label` exclude each other", ""),
        ("[fields]\na = { as = 'number' }", 2, 5, "says not where it comes from", "css"),
        ("[fields]\na = 3", 2, 5, "must be a text or a list of texts, not `3`", ""),
        ("[fields]\na = ''", 2, 6, "the selector is empty", "CSS"),
        ("[fields]\na = { json_ld = 'a.b' }", 2, 17, "`a.b` is not a JSON pointer", "`/a/b`"),
        ("[fields]\na = { column = 'x' }", 2, 5, "`column` without `table`", "table ="),
        ("[fields]\n_source = 'p'", 2, 1, "`_source` cannot be the name of a field", "records use"),
        ("[fields]", 1, 1, "[fields] is empty", "leave the section out"),
        ("[record]\neach_json = 'items'", 2, 13, "`items` is not a JSON pointer", "/items"),
        (
            "[record]\neach_json = '/items'\n[fields]\na = 'p'",
            4,
            5,
            "`a` is no JSON pointer, and `each_json` gives items of JSON",
            "write `/name`",
        ),
        ("[record]\neach = 'p'\ntable = 't'", 3, 9, "`each` and `table` exclude each other", ""),
        ("[record]\nkey = 'skuu'\n[fields]\nsku = 'p'", 2, 7, "`key` names no field: `skuu`", "`sku`"),
        ("[record]\nmin = -1", 2, 7, "must be a count, not `-1`", ""),
        ("[record]\nmatch = 'a[b'", 2, 9, "`a[b` is not a glob", ""),
        ("[detail]\n[detail.fields]\na = 'b'", 1, 1, "[detail] has no `link`", "link ="),
        ("[detail]\nlink = 'a'", 1, 1, "[detail] has no [detail.fields]", ""),
        (
            "[fields]\na = 'b'\n[detail]\nlink = 'a'\n[detail.fields]\na = 'b'",
            6,
            5,
            "`a` is a field of the record already",
            "",
        ),
        ("[request]\nheaders = { 'a b' = 'c' }", 2, 13, "`a b` is not the name of a header", ""),
        ("[request]\ncookies = 1", 2, 11, "`request.cookies` must be true or false, not `1`", ""),
        ("[follow]\nmax_depth = 'x'", 2, 13, "must be a count", ""),
        ("[fields\na = 'b'", 1, 8, "not valid TOML", ""),
        ("[fields]\na = 'b'\na = 'c'", 3, 1, "not valid TOML", ""),
    ];
    for (recipe, line, column, message, hint) in cases {
        let fault = fault(recipe);
        assert!(fault.message().contains(message), "{recipe}\n{fault}");
        assert_eq!((fault.line(), fault.column()), (Some(line), Some(column)), "{recipe}\n{fault}");
        assert!(fault.hint().unwrap_or("").contains(hint), "{recipe}\n{fault}");
        assert_eq!(fault.kind().as_str(), "invalid_input");
    }
}

#[test]
fn fields_of_a_command_line_are_short_for_recipes() {
    for (spec, toml) in [
        ("title=h3 a@title", "title = \"h3 a@title\""),
        ("tags[]=ul.tags li", "tags = { css = \"ul.tags li\", many = true }"),
        ("price:number=.price", "price = { css = \".price\", as = \"number\" }"),
        ("n[]:integer=li", "n = { css = \"li\", as = \"integer\", many = true }"),
        ("n:integer[]=li", "n = { css = \"li\", as = \"integer\", many = true }"),
        (" x = a[href='b=c']@href ", "x = \"a[href='b=c']@href\""),
    ] {
        let recipe = Recipe::builder().spec(spec).build().unwrap();
        assert_eq!(recipe.to_toml(), format!("[fields]\n{toml}\n"), "{spec}");
    }
}

#[test]
fn a_field_of_a_command_line_that_does_not_hold_says_why() {
    for (specs, message) in [
        (&["title"][..], "field `title` has no selector"),
        (&["=h1"], "has no name"),
        (&["a:numbr=h1"], "`numbr` is not a type"),
        (&["a=h1", "a=h2"], "field `a` is given twice"),
        (&["a="], "the selector is empty"),
        (&["a=//h1"], "XPath"),
    ] {
        let builder = specs.iter().fold(Recipe::builder(), |builder, spec| builder.spec(spec));
        let error = builder.build().unwrap_err();
        assert!(error.message().contains(message), "{specs:?}: {error}");
        assert!(error.line().is_none());
    }
}

#[test]
fn a_builder_says_the_same_as_toml() {
    let built = Recipe::builder()
        .match_path("/a/**")
        .match_path("/b/**")
        .each("article")
        .key("name")
        .min(2)
        .field("name", "h1")
        .field_with("price", "{ css = '.p', as = 'number' }")
        .next("a.next")
        .build()
        .unwrap();
    let written: Recipe = "[record]\nmatch = ['/a/**', '/b/**']\neach = 'article'\nkey = 'name'\nmin = 2\n\
        [fields]\nname = 'h1'\nprice = { css = '.p', as = 'number' }\n[follow]\nnext = 'a.next'"
        .parse()
        .unwrap();
    assert_eq!(built, written);
    assert_eq!(built.to_builder().build().unwrap(), built);
    assert!(Recipe::builder().field_with("a", "{ css = ").build().is_err());
}

#[test]
fn recipes_are_deserialized_with_the_same_rules() {
    let recipe: Recipe =
        serde_json::from_str(r#"{"fields": {"z": "h1", "a": {"css": "p", "default": "1"}}}"#).unwrap();
    assert_eq!(recipe.field_names(), ["z", "a"]);
    let error = serde_json::from_str::<Recipe>(r#"{"fields": {"a": {"cs": "p"}}}"#).unwrap_err();
    assert!(error.to_string().contains("unknown key `cs`"), "{error}");
    #[derive(serde::Deserialize)]
    struct Config {
        recipe: Recipe,
    }
    let config: Config = toml::from_str("[recipe.fields]\nz = 'h1'\na = 'p'").unwrap();
    assert_eq!(config.recipe.field_names(), ["z", "a"]);
}

#[test]
fn recipes_and_pages_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Recipe>();
    is_shared::<RecipeError>();
    is_shared::<crate::Page>();
    is_shared::<crate::Extraction>();
    is_shared::<crate::Error>();
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\[(record|fields|detail|follow)\\]\n|[a-z_]{1,6} = ('[^'\n]{0,12}'|\\{ css = '[^'\n]{0,8}', as = 'number' \\}|[0-9]|true)\n){0,6}") {
        let _ = text.parse::<Recipe>();
    }

    #[test]
    fn what_holds_is_the_same_after_being_written_and_read(name in "[^\u{0}-\u{1f}\u{7f}]{1,8}", css in "[a-z]{1,5}( [a-z]{1,3})?", text in ".{0,12}") {
        let mut item = Item::table();
        item.set("css", Item::text(css));
        item.set("default", Item::text(text));
        let builder = Recipe::builder().set("fields", &name, item);
        if let Ok(recipe) = builder.build() {
            proptest::prop_assert_eq!(recipe.to_toml().parse::<Recipe>().unwrap(), recipe);
        }
    }
}

#[test]
fn nothing_is_said_of_columns_whose_values_come_typed() {
    use gather_records::ColumnType::{Boolean, Json, Text};
    let recipe: Recipe = "[record]\neach_json = '/i'\n[fields]\na = '/a'\nb = { json = '/a', as = 'bool' }\n\
        c = { json = '/a', as = 'text' }\nd = { json = '/a', regex = 'x' }\ne = { json = '/a', many = true }\n\
        f = { json = '/a', many = true, join = ',' }\ng = { json = '/a', as = 'json' }"
        .parse()
        .unwrap();
    let holds: Vec<_> = recipe.columns().iter().map(|column| column.holds).collect();
    assert_eq!(holds, [None, Some(Boolean), Some(Text), Some(Text), Some(Json), Some(Text), Some(Json)]);
    let recipe: Recipe = "[fields]\na = { json_ld = '/a' }\nb = { script_after = 'x =' }\n\
        c = { script = 'script', json = '/a' }\nd = { script = 'script' }\ne = 'p'"
        .parse()
        .unwrap();
    let holds: Vec<_> = recipe.columns().iter().map(|column| column.holds).collect();
    assert_eq!(holds, [None, None, None, Some(Text), Some(Text)]);
}
