//! Whole imports against the local back ends: interrupted, repeated, poisoned, and with failures.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_to_string, write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::google::{Failure, Minted, Rotation, Times};
use harness::stack::CREDENTIALS_TABLE;
use harness::{Options, Stack};
use postern::app::App;
use postern::clock::Clock;
use serde_json::{Value, json};

use super::beside;
use super::lines::Lines;
use super::report::{Outcome, Report};
use super::run::{End, Run, Settings};

const FAST: Settings = Settings { is_dry_run: false, per_second: 10_000, concurrency: 8, pauses: &[] };

/// A deployment, and a file to import in a folder of its own.
struct Scene {
    stack: Stack,
    app: App,
    folder: PathBuf,
    file: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    async fn new() -> Self {
        harness::time::pause();
        let stack = Stack::start(Options::default()).await;
        let variables = stack.environment();
        let app = App::new(|name| variables.get(name).cloned(), Clock::System, None);
        let app = app.unwrap_or_else(|problem| panic!("{}", problem.error));
        let folder = std::env::temp_dir().join(format!("postern-{}", postern_rules::random::identifier()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("tokens.jsonl");
        Self { stack, app, folder, file }
    }

    fn mint(&self, count: usize) -> Vec<Minted> {
        let accounts: Vec<String> = (0..count).map(|number| format!("user{number}@example.net")).collect();
        self.stack.google.mint(accounts.iter().map(String::as_str))
    }

    fn put(&self, lines: &[Value]) {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        write(&self.file, lines.join("\n") + "\n").unwrap();
    }

    /// Runs until the end, or until `stop` is ready, and gives what was told. `each` is called with
    /// the number of lines told so far.
    async fn run(
        &self,
        settings: Settings,
        stop: impl Future<Output = ()>,
        each: impl Fn(usize),
    ) -> (Result<End, String>, Vec<(u64, Outcome)>) {
        let run = Run::new(&self.app, settings, &self.file).await.unwrap();
        let mut told = Vec::new();
        let mut tell = |number, outcome: &Outcome| {
            told.push((number, outcome.clone()));
            each(told.len());
            Ok(())
        };
        let end = run.all(Lines::open(&self.file).unwrap(), stop, &mut tell).await;
        told.sort_by_key(|(number, _)| *number);
        (end, told)
    }

    /// A whole run: each line's word.
    async fn words(&self, settings: Settings) -> Vec<String> {
        let (end, told) = self.run(settings, std::future::pending(), |_| {}).await;
        assert_eq!(end, Ok(End::Complete));
        told.iter().map(|(_, outcome)| word(outcome)).collect()
    }

    fn stored(&self) -> Vec<Value> {
        self.stack.dynamodb.scan(CREDENTIALS_TABLE)
    }

    fn read(&self, ending: &str) -> String {
        read_to_string(beside(&self.file, ending)).unwrap()
    }
}

/// The word that the report has for an outcome, marked if an earlier run found it.
fn word(outcome: &Outcome) -> String {
    let mut report = Report::default();
    report.add(1, outcome).unwrap();
    let summary = report.summary(false);
    summary.strip_prefix("1 lines: 1 ").unwrap().replace(" (1 by earlier runs)", ", earlier")
}

fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

/// Ready when the cell is set.
async fn set(cell: &Cell<bool>) {
    while !cell.get() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn f108_an_import_that_is_killed_twice_and_interrupted_once_ends_complete() {
    const COUNT: usize = 1_000;
    let scene = Scene::new().await;
    let minted = scene.mint(COUNT);
    scene.put(&minted.iter().map(|one| json!(one)).collect::<Vec<_>>());
    for at in [COUNT / 5, COUNT / 2] {
        // The future is dropped where it stands, as if the process had died.
        let reached = Cell::new(false);
        let run = scene.run(FAST, std::future::pending(), |told| reached.set(told >= at));
        tokio::select! {
            _ = run => panic!("it is complete already"),
            () = set(&reached) => {}
        }
        assert!((at..COUNT).contains(&scene.stored().len()), "{}", scene.stored().len());
    }
    let is_asked = Cell::new(false);
    let (end, told) = scene.run(FAST, set(&is_asked), |told| is_asked.set(told >= COUNT * 3 / 4)).await;
    assert_eq!(end, Ok(End::Stopped));
    assert!((COUNT * 3 / 4..COUNT).contains(&told.len()));
    assert_eq!(scene.stored().len(), told.len(), "what was under way is finished and told");
    let (end, told) = scene.run(FAST, std::future::pending(), |_| {}).await;
    assert_eq!((end, told.len()), (Ok(End::Complete), COUNT));
    assert!(told.iter().map(|(number, _)| *number).eq(1..=COUNT as u64));

    let mut counts = BTreeMap::new();
    for (_, outcome) in &told {
        *counts.entry(word(outcome).replace(", earlier", "")).or_insert(0) += 1;
    }
    // Entries that were stored and not noted when the process died; each of two deaths met some.
    let unnoted = counts.remove("already_there").unwrap_or(0);
    assert!(
        unnoted <= 2 * FAST.concurrency
            && counts == BTreeMap::from([("imported".to_owned(), COUNT - unnoted)])
    );
    assert_eq!(scene.stored().len(), COUNT);
    assert!(scene.stored().iter().all(|item| item["status"]["S"] == "active" && item["version"]["N"] == "1"));
    let refreshes = scene.stack.google.calls().len();
    assert!((COUNT..=COUNT + 2 * FAST.concurrency).contains(&refreshes), "{refreshes}");
    assert!(minted.iter().all(|one| scene.stack.google.live_refresh_tokens(&one.sub) == 1));
    assert!(scene.words(FAST).await.iter().all(|word| word.ends_with(", earlier")));
    assert_eq!(scene.stack.google.calls().len(), refreshes, "nothing is asked again");
}

#[tokio::test]
async fn a111_a112_b82_a_poisoned_file_harms_no_other_line_and_nothing_tells_a_token() {
    let scene = Scene::new().await;
    let [one, two, three] = scene.mint(3).try_into().unwrap();
    let doubled = format!(r#"{{"refresh_token":"{0}","refresh_token":"{0}"}}"#, one.refresh_token);
    let long = format!(r#"{{"refresh_token":"{}"}}"#, "x".repeat(100_000));
    let wrong = json!({"refresh_token": two.refresh_token, "sub": three.sub});
    let lines = [
        "\u{FEFF}{}".to_owned(),
        json!(one).to_string(),
        doubled,
        long,
        format!("{}\u{1B}[2J", json!(two)),
        wrong.to_string(),
        json!({"refresh_token": "1//0planted-and-dead"}).to_string(),
        String::new(),
        json!(three).to_string(),
    ];
    write(&scene.file, lines.join("\n")).unwrap();
    let mut report = Report::create(Some(&scene.folder.join("report"))).unwrap();
    let (end, told) = scene.run(FAST, std::future::pending(), |_| {}).await;
    assert_eq!(end, Ok(End::Complete));
    let mut said = String::new();
    for (number, outcome) in &told {
        said.push_str(&report.add(*number, outcome).unwrap().unwrap_or_default());
        said.push('\n');
    }
    said.push_str(&report.summary(false));
    assert!(said.ends_with("9 lines: 1 dead, 2 imported, 5 not_an_entry, 1 other_user"), "{said}");
    assert_eq!(scene.stored().len(), 2);
    assert_eq!(scene.stack.google.calls().len(), 4, "what is no entry is never sent");

    let written = read_to_string(scene.folder.join("report")).unwrap();
    let fifth = r#"{"line":6,"verdict":"other_user"}"#;
    assert_eq!((written.lines().count(), written.lines().nth(5)), (9, Some(fifth)));
    assert!(written.contains(&format!(r#"{{"line":9,"user":"{}","verdict":"imported"}}"#, three.sub)));
    let journal = scene.read(".journal");
    assert_eq!(journal.lines().count(), 5, "the salt, and the entries with a final verdict");
    for secret in
        [&*one.refresh_token, &two.refresh_token, "1//0", "ya29.", "example.net", "planted", "\u{1B}"]
    {
        for text in [&said, &written, &journal] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(is_private(&beside(&scene.file, ".journal")) && is_private(&scene.folder.join("report")));
    assert!(!beside(&scene.file, ".rotated").exists());
    // A report replaces an earlier one, and nothing else: that could be the file with the tokens.
    assert!(Report::create(Some(&scene.file)).is_err());
    assert!(Report::create(Some(&beside(&scene.file, ".journal"))).is_err());
    for _ in 0..2 {
        Report::create(Some(&scene.folder.join("report"))).unwrap();
        assert_eq!(read_to_string(scene.folder.join("report")).unwrap(), "");
    }
}

#[tokio::test]
async fn f109_a_refused_client_ends_the_run_at_once_and_an_outage_leaves_lines_to_try_again() {
    let scene = Scene::new().await;
    scene.put(&scene.mint(100).iter().map(|one| json!(one)).collect::<Vec<_>>());
    let google = &scene.stack.google;
    google.fail_refresh(Failure::InvalidClient, Times::UntilCleared);
    let (end, told) = scene.run(FAST, std::future::pending(), |_| {}).await;
    let problem = end.unwrap_err();
    assert!(problem.contains("OAuth client") && problem.contains("invalid_client"), "{problem}");
    assert!(told.is_empty() && google.calls().len() <= FAST.concurrency, "{}", google.calls().len());
    google.clear_failures();

    google.fail_refresh(Failure::oauth(400, "something_new"), 3);
    let words = scene.words(FAST).await;
    assert_eq!(words.iter().filter(|word| *word == "try_again").count(), 3);
    assert_eq!((scene.stored().len(), scene.read(".journal").lines().count()), (97, 98));
    let words = scene.words(FAST).await;
    assert_eq!(words.iter().filter(|word| *word == "imported").count(), 3, "not journaled as done");
    assert_eq!(scene.stored().len(), 100);
}

#[tokio::test]
async fn f109_a_wait_that_google_asks_for_is_kept_and_given_up_when_the_run_is_to_stop() {
    let scene = Scene::new().await;
    scene.put(&[json!(scene.mint(1)[0])]);
    let wait = |seconds: &str| Failure::Answer {
        status: 429,
        headers: vec![("retry-after".to_owned(), seconds.to_owned())],
        body: String::new(),
    };
    let settings = Settings { pauses: &[Duration::ZERO], ..FAST };
    scene.stack.google.fail_refresh(wait("40"), 1);
    let asked = Cell::new(false);
    let begun = tokio::time::Instant::now();
    let watching = async {
        while scene.stack.google.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        asked.set(true);
    };
    let ((end, told), ()) = tokio::join!(scene.run(settings, set(&asked), |_| {}), watching);
    assert_eq!((end, word(&told[0].1)), (Ok(End::Stopped), "try_again".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(scene.stack.google.calls().len(), 1);
    assert_eq!(scene.words(settings).await, ["imported"]);
}

#[tokio::test]
async fn f109_a_token_that_google_replaced_before_the_process_died_is_used_by_the_next_run() {
    for rotation in [Rotation::OldDies, Rotation::ReuseEndsFamily] {
        let scene = Scene::new().await;
        let minted = scene.mint(1).remove(0);
        scene.put(&[json!(minted)]);
        scene.stack.google.rotate_refresh_tokens(rotation);
        // The process dies while it stores what Google issued.
        scene.stack.dynamodb.fail("GetItem", harness::Fault::Delay(Duration::from_secs(2)), 1);
        let under_way = async {
            while read_to_string(beside(&scene.file, ".rotated")).unwrap_or_default().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = scene.run(FAST, std::future::pending(), |_| {}) => panic!("it is complete already"),
            () = under_way => {}
        }
        assert!(scene.stored().is_empty() && is_private(&beside(&scene.file, ".rotated")));
        assert_eq!(scene.words(Settings { is_dry_run: true, ..FAST }).await, ["imported"], "{rotation:?}");
        assert_eq!(scene.words(FAST).await, ["imported"], "{rotation:?}");
        assert_eq!(scene.read(".rotated").lines().count(), 3, "{rotation:?}");
        assert!(scene.stack.google.live_refresh_tokens(&minted.sub) > 0);
        assert_eq!(scene.stored().len(), 1, "{rotation:?}");
    }
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace_and_a_journal_serves_one_run_at_a_time() {
    let scene = Scene::new().await;
    scene.put(&scene.mint(3).iter().map(|one| json!(one)).collect::<Vec<_>>());
    assert_eq!(scene.words(Settings { is_dry_run: true, ..FAST }).await, ["imported"; 3]);
    assert_eq!((scene.stored().len(), scene.stack.google.calls().len()), (0, 3));
    assert_eq!(std::fs::read_dir(&scene.folder).unwrap().count(), 1, "the file alone");

    let first = Run::new(&scene.app, FAST, &scene.file).await.unwrap();
    let second = Run::new(&scene.app, FAST, &scene.file).await.err().unwrap();
    assert!(second.contains("another import of this file is running"), "{second}");
    let dry = Settings { is_dry_run: true, ..FAST };
    let third = Run::new(&scene.app, dry, &scene.file).await.err().unwrap();
    assert_eq!(third, second, "it would change what is kept beside the file");
    drop(first);
    let first = Run::new(&scene.app, dry, &scene.file).await.unwrap();
    assert!(Run::new(&scene.app, FAST, &scene.file).await.is_err());
    drop(first);
    assert_eq!(scene.words(FAST).await, ["imported"; 3]);
}

#[tokio::test]
async fn f108_a_line_of_the_journal_that_was_cut_off_is_tried_again() {
    let scene = Scene::new().await;
    scene.put(&scene.mint(3).iter().map(|one| json!(one)).collect::<Vec<_>>());
    scene.words(FAST).await;
    let journal = scene.read(".journal");
    write(beside(&scene.file, ".journal"), &journal[..journal.len() - 20]).unwrap();
    for earlier in [2, 3] {
        let words = scene.words(FAST).await;
        assert_eq!(words.iter().filter(|word| word.ends_with(", earlier")).count(), earlier, "{words:?}");
    }
    write(beside(&scene.file, ".journal"), "something else\n").unwrap();
    assert!(Run::new(&scene.app, FAST, &scene.file).await.err().unwrap().contains("not a journal"));
}

#[tokio::test]
async fn no_more_are_asked_about_in_a_second_or_at_a_time_than_allowed() {
    let scene = Scene::new().await;
    scene.put(&scene.mint(11).iter().map(|one| json!(one)).collect::<Vec<_>>());
    let begun = tokio::time::Instant::now();
    let times = RefCell::new(Vec::new());
    let settings = Settings { per_second: 20, ..FAST };
    scene
        .run(settings, std::future::pending(), |_| times.borrow_mut().push(begun.elapsed()))
        .await
        .0
        .unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(490 - 100), "{times:?}");

    let scene = Scene::new().await;
    scene.put(&scene.mint(12).iter().map(|one| json!(one)).collect::<Vec<_>>());
    scene.stack.google.fail_refresh(Failure::Slow(Duration::from_millis(100)), Times::UntilCleared);
    let begun = tokio::time::Instant::now();
    scene.words(Settings { concurrency: 3, ..FAST }).await;
    assert!(begun.elapsed() >= Duration::from_millis(400), "four times three");
}

#[tokio::test]
async fn f108_a_journal_holds_for_its_table_and_its_verdicts_for_the_client_scopes_and_domains() {
    let scene = Scene::new().await;
    let minted = scene.mint(2);
    let wrong = json!({"refresh_token": minted[1].refresh_token, "sub": minted[0].sub});
    let dead = json!({"refresh_token": "1//0dead"});
    scene.put(&[json!(minted[0]), wrong, dead]);
    assert_eq!(scene.words(FAST).await, ["imported", "other_user", "dead"]);
    let app = |name: &str, value: &str| {
        let mut variables = scene.stack.environment();
        variables.insert(name.into(), value.to_owned());
        let app = App::new(|name| variables.get(name).cloned(), Clock::System, None);
        app.unwrap_or_else(|problem| panic!("{}", problem.error))
    };
    for (name, value) in [("CREDENTIALS_TABLE", "another"), ("AWS_REGION", "eu-west-9")] {
        let problem = Run::new(&app(name, value), FAST, &scene.file).await.err().unwrap();
        assert!(problem.contains(CREDENTIALS_TABLE) && problem.contains("delete it"), "{problem}");
    }
    let other = app("ALLOWED_DOMAINS", "example.com");
    // Twice: the change is noted, and what was found under the new rules counts from then on.
    for words in [
        ["imported, earlier", "other_user", "dead"],
        ["imported, earlier", "other_user, earlier", "dead, earlier"],
    ] {
        let run = Run::new(&other, FAST, &scene.file).await.unwrap();
        let mut told = BTreeMap::new();
        let mut tell = |number, outcome: &Outcome| {
            told.insert(number, word(outcome));
            Ok(())
        };
        let lines = Lines::open(&scene.file).unwrap();
        assert_eq!(run.all(lines, std::future::pending(), &mut tell).await, Ok(End::Complete));
        assert_eq!(told.into_values().collect::<Vec<_>>(), words);
    }
    assert_eq!(scene.words(FAST).await, ["imported, earlier", "other_user", "dead"], "changed back");
}

#[tokio::test]
async fn f109_a_run_that_could_not_keep_a_replaced_token_never_begins() {
    let scene = Scene::new().await;
    scene.put(&[json!(scene.mint(1)[0])]);
    std::fs::create_dir(beside(&scene.file, ".rotated")).unwrap();
    assert!(Run::new(&scene.app, FAST, &scene.file).await.err().unwrap().contains(".rotated"));
    assert!(scene.stack.google.calls().is_empty());
    std::fs::remove_dir(beside(&scene.file, ".rotated")).unwrap();
    assert_eq!(scene.words(FAST).await, ["imported"]);
}

#[tokio::test]
async fn f109_an_outage_ends_the_run_after_twenty_lines() {
    let scene = Scene::new().await;
    scene.put(&scene.mint(100).iter().map(|one| json!(one)).collect::<Vec<_>>());
    scene.stack.google.fail_refresh(Failure::oauth(400, "something_new"), Times::UntilCleared);
    let (end, told) = scene.run(FAST, std::future::pending(), |_| {}).await;
    assert!(end.unwrap_err().contains("Google or AWS is not available; run the same command again"));
    assert!((20..20 + FAST.concurrency).contains(&told.len()), "{}", told.len());
    scene.stack.google.clear_failures();
    assert_eq!(scene.words(FAST).await, ["imported"; 100]);
}

#[tokio::test]
async fn f109_further_attempts_keep_the_pace_too() {
    let scene = Scene::new().await;
    scene.put(&scene.mint(8).iter().map(|one| json!(one)).collect::<Vec<_>>());
    let failure = Failure::Answer { status: 503, headers: vec![], body: String::new() };
    scene.stack.google.fail_refresh(failure, 8);
    let settings = Settings { per_second: 10, pauses: &[Duration::ZERO; 9], ..FAST };
    let begun = tokio::time::Instant::now();
    assert_eq!(scene.words(settings).await, ["imported"; 8]);
    let calls = scene.stack.google.calls().len();
    assert!(begun.elapsed() >= Duration::from_millis(100 * (calls as u64 - 1) - 100), "{calls}");
}

#[test]
fn a112_a_file_that_others_can_read_is_noticed() {
    let path = std::env::temp_dir().join(format!("postern-modes-{}", std::process::id()));
    write(&path, "").unwrap();
    for (mode, is_open) in [(0o600, false), (0o640, true), (0o604, true), (0o400, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(super::is_open_to_others(&path), is_open);
    }
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn the_policy_for_an_import_allows_its_calls_and_no_others() {
    let scene = Scene::new().await;
    let [first, second] = &*scene.mint(2) else { panic!("there are two") };
    scene.put(&[
        json!({ "refresh_token": first.refresh_token }),
        json!({ "refresh_token": second.refresh_token }),
    ]);
    assert_eq!(scene.words(FAST).await, ["imported", "imported"]);
    let dynamodb =
        scene.stack.dynamodb.calls().into_iter().map(|call| format!("dynamodb:{}", call.operation));
    let secrets = scene.stack.secrets.calls().into_iter();
    let secrets = secrets.map(|call| format!("secretsmanager:{}", call.operation));
    let mut needed: BTreeSet<String> = dynamodb.chain(secrets).collect();
    // The batch gives what may be read one by one.
    needed.extend(["cloudformation:DescribeStacks", "secretsmanager:GetSecretValue"].map(str::to_owned));
    assert_eq!(needed, postern_template::policies::actions(&postern_template::policies(), "ImportPolicy"));
}
