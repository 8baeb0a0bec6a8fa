//! Journals: what they hold for, what is in them, and what a death leaves of them.

use std::fs::{read_to_string, write};

use super::super::journal::Side;
use super::*;

#[tokio::test]
async fn a117_what_a_pass_writes_and_tells_has_no_token_and_only_its_owner_reads_the_journal() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new(600).await;
    let text = std::cell::RefCell::new(String::new());
    let pass = scene.pass(FAST).await;
    let told = scene.reseal(&pass, |_| *text.borrow_mut() = read_to_string(scene.journal()).unwrap()).await;
    let said = format!("{:?}{}", told.unwrap(), text.borrow());
    for secret in ["v2.", "v1.", "rrrr", "aaaa", "somebody@", OLD, NEW] {
        assert!(!said.contains(secret), "{secret} is in {said}");
    }
    let pass = scene.pass(FAST).await;
    let mode = std::fs::metadata(scene.journal()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(pass);
}

#[tokio::test]
async fn f113_a_journal_holds_for_one_work_and_one_run_and_survives_a_line_that_was_cut_off() {
    let scene = Scene::new(10).await;
    let (now, mine) = (scene.app.clock.now(), scene.work().await);
    let open = |work: &Work| Journal::open(&scene.journal(), work.clone(), now).err().unwrap_or_default();
    let pass = scene.pass(FAST).await;
    assert!(open(&mine).contains("another run with this journal"));
    drop(pass);
    let side = |table: &str, table_id: &str, keyring: &str| Side {
        table: table.to_owned(),
        table_id: Some(table_id.to_owned()),
        keyring: keyring.to_owned(),
    };
    let Side { table, table_id, keyring } = mine.from.clone();
    let table_id = table_id.unwrap();
    for other in [
        Work { command: "restore".into(), ..mine.clone() },
        Work { from: side("other", &table_id, &keyring), ..mine.clone() },
        // A second restored table of the name.
        Work { from: side(&table, "other", &keyring), ..mine.clone() },
        Work { to: side(&table, &table_id, "other"), ..mine.clone() },
        // The keyring was rotated once more.
        Work { key: Some("k3".to_owned()), ..mine.clone() },
    ] {
        assert!(open(&other).contains("delete it, or name another"), "{other:?}");
    }
    let head = read_to_string(scene.journal()).unwrap();
    let page = r#"{"segment":0,"after":null,"counts":{"current":7},"items":7}"#;
    write(scene.journal(), format!("{head}{page}\n{{\"segment\":1,\"aft")).unwrap();
    let journal = Journal::open(&scene.journal(), mine.clone(), now).unwrap();
    assert_eq!((journal.place(0), journal.place(1), journal.items()), (Place::End, Place::Start, 7));
    drop(journal);
    for cut in ["", "{\"beg", &head[..40], &head[..head.len() - 1]] {
        write(scene.journal(), cut).unwrap();
        assert_eq!(open(&mine), "", "{cut}");
        assert_eq!(open(&mine), "", "and it can be opened again");
    }
    for foreign in ["something else\n", "something else", "{\"began_at\":1}\n"] {
        write(scene.journal(), foreign).unwrap();
        assert!(open(&mine).contains("delete it"), "{foreign}");
    }
}
