use super::*;

/// What must stay in one piece.
const STATEMENTS: &[&str] = &[
    "SELECT 1;",
    "SELECT ';', 'it''s; ', '\\';",
    "SELECT E'it\\'s; \\\\', e'a'';\\'';",
    "SELECT E'a'\n  -- and\n  'b\\';';",
    "SELECT U&'\\0061;' , B'1', X'1F', N';';",
    "SELECT \"a;b\", \"a\"\";\";",
    "SELECT $$;$$, $a$ ; $$ ; $b$ $a$, $é$;$é$;",
    "SELECT $$ $x$$, 1;",
    "SELECT a$b$, c$$ FROM d$x$;",
    "EXECUTE p($1, $2);",
    "SELECT 1 /* ; /* ; */ ; */ + 2 -- ;\n;",
    "SELECT 5*/* a */-- b;\n3;",
    "CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (1); DELETE FROM c);",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END; $f$;",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
    "create or replace procedure p()\nbegin /* here */ atomic\nend;",
    "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC\n SELECT CASE WHEN a = 1 THEN 2 ELSE CASE a WHEN 3 THEN 4 END END;\nEND;",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 1 AS case; SELECT 2 end; SELECT t.end, t.case FROM t; END;",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT (CASE WHEN true THEN 1 END); END;",
    "CREATE FUNCTION begin() RETURNS int AS 'SELECT 1; ' LANGUAGE sql;",
    "CREATE TABLE begin (atomic int, \"end\" int);",
    "BEGIN;",
    "END;",
    "SELECT 1 AS begin, 2 atomic;",
    "COMMENT ON TABLE größe IS 'ß;';",
];

fn texts(text: &str) -> Vec<&str> {
    split(text).unwrap().into_iter().map(|(_, sql)| sql).collect()
}

#[test]
fn each_statement_stays_in_one_piece() {
    for statement in STATEMENTS {
        assert_eq!(texts(statement), [*statement]);
    }
}

#[test]
fn scripts_are_split_into_what_they_were_made_of() {
    const BETWEEN: &[&str] = &["", " ", "\n", "\r\n\t", "\n\n", "\x0b\x0c"];
    const BEFORE: &[&str] = &["", "-- a comment; 'x\n", "/* a; /* comment's */ */ ", "-- $$\r\n/* \" */\n"];
    let mut random = fastrand::Rng::with_seed(2_026);
    for _ in 0..5_000 {
        let one = |random: &mut fastrand::Rng, of: &[&str]| of[random.usize(..of.len())].to_owned();
        let statements: Vec<String> = (0..random.usize(0..8))
            .map(|_| one(&mut random, BEFORE) + &one(&mut random, STATEMENTS))
            .collect();
        let mut text = one(&mut random, BETWEEN);
        for statement in &statements {
            text.push_str(statement);
            text.push_str(&one(&mut random, BETWEEN));
        }
        let pieces = split(&text).unwrap();
        assert_eq!(pieces.iter().map(|(_, sql)| *sql).collect::<Vec<_>>(), statements, "{text}");
        assert!(pieces.iter().all(|(offset, sql)| text[*offset..].starts_with(sql)), "{text}");
    }
}

#[test]
fn nothing_but_blanks_comments_and_semicolons_is_left_out() {
    const PIECES: &[&str] = &[
        "'", "\"", "$$", "$a$", "$", "E'", "\\", "--", "/*", "*/", "\n", "\r", " ", ";", "(", ")", ".",
        "BEGIN ", "ATOMIC ", "CREATE ", "CASE ", "END", "AS ", "a", "é", "1", "*", "/", "-",
    ];
    let mut random = fastrand::Rng::with_seed(2_026);
    let mut whole = 0;
    for _ in 0..50_000 {
        let text: String = (0..random.usize(..30)).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
        let Ok(pieces) = split(&text) else { continue };
        whole += usize::from(!pieces.is_empty());
        let mut read = 0;
        for (offset, sql) in pieces {
            assert!(is_nothing(&text[read..offset]), "{text:?} loses {:?}", &text[read..offset]);
            assert_eq!(texts(sql), [sql], "{text:?}");
            read = offset + sql.len();
        }
        assert!(is_nothing(&text[read..]), "{text:?} loses {:?}", &text[read..]);
    }
    assert!(whole > 10_000, "{whole} are too few for a proof");
}

fn is_nothing(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    while let Some((token, ..)) = lexer.next().unwrap() {
        if token != Token::Semicolon {
            return false;
        }
    }
    true
}

#[test]
fn the_last_statement_needs_no_semicolon() {
    assert_eq!(texts("SELECT 1;\nSELECT 2 -- over\n"), ["SELECT 1;", "SELECT 2 -- over"]);
    assert_eq!(texts("a;;\n;-- nothing\n;b;/* nothing */\n"), ["a;", "b;"]);
    assert!(texts(" -- nothing\n").is_empty());
    assert!(texts("").is_empty());
}

#[test]
fn strings_that_only_look_like_others_end_where_they_end() {
    // A name that ends with e, a string without escapes after one with them, and one that
    // does not continue it for lack of a new line.
    assert_eq!(texts("SELECT typeE'\\';b;"), ["SELECT typeE'\\';", "b;"]);
    assert_eq!(texts("SELECT E'\\'', '\\';b;"), ["SELECT E'\\'', '\\';", "b;"]);
    assert_eq!(texts("SELECT E'a' 'b\\';c;"), ["SELECT E'a' 'b\\';", "c;"]);
    assert_eq!(texts("SELECT E'a'\n'b\\';c;'"), ["SELECT E'a'\n'b\\';c;'"]);
}

#[test]
fn bodies_end_with_their_own_end() {
    let body = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END";
    assert_eq!(texts(&format!("{body};SELECT 1;")), [&format!("{body};"), "SELECT 1;"]);
    // Only CREATE brings a body.
    assert_eq!(texts("BEGIN ATOMIC; SELECT 1;"), ["BEGIN ATOMIC;", "SELECT 1;"]);
}

#[test]
fn what_has_no_end_is_told_with_its_beginning() {
    for (text, open, at) in [
        ("a; 'b;", Open::String, 3),
        ("a; E'b\\';", Open::String, 3),
        ("a; E'b\\", Open::String, 3),
        ("a; E'b'\n'c", Open::String, 3),
        ("a; \"b;", Open::Identifier, 3),
        ("a; $x$ b $y$;", Open::DollarQuote, 3),
        ("a; /* b /* c */;", Open::Comment, 3),
        ("a; (b (c);", Open::Parenthesis, 3),
        ("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;", Open::Body, 26),
    ] {
        assert_eq!(split(text), Err(Unclosed { open, at }), "{text}");
    }
    // Too many closing ones are left to the server.
    assert_eq!(texts("a);b;"), ["a);", "b;"]);
}

#[test]
fn long_scripts_take_time_in_proportion() {
    // Each would take minutes if time grew with the square.
    for (piece, count) in [
        ("SELECT 1;", 300_000),
        ("$a ", 500_000),
        ("E'a'--\n", 300_000),
        ("$a$ $b$a$;", 200_000),
        ("/*", 500_000),
        ("(", 500_000),
        (")", 500_000),
        ("''", 500_000),
        ("$a$x", 500_000),
    ] {
        let pieces = split(&piece.repeat(count)).map(|pieces| pieces.len());
        assert_ne!(pieces, Ok(0), "{piece}");
    }
}
