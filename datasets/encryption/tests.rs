use super::document::{is_encrypted, rewrap, unwrapped, wrapped_again};
use super::*;

const PURPOSE: &str = "snapshot";

fn new_key() -> String {
    MasterKeys::generate().unwrap()
}

fn keys(lines: &[&str]) -> MasterKeys {
    MasterKeys::parse(&lines.join("\n")).unwrap()
}

#[test]
fn a_file_opens_with_its_master_key_only_and_errors_name_key_and_remedy() {
    let (one, two) = (new_key(), new_key());
    let (first, second) = (keys(&[&one]), keys(&[&two]));
    let file = Lock::new(&first, PURPOSE).unwrap().file(b"member-17").unwrap();
    assert!(is_encrypted(&file) && !file.windows(9).any(|bytes| bytes == b"member-17"));
    let lock = Lock::of(Some(&first), PURPOSE, "the file", &file).unwrap().unwrap();
    assert_eq!(lock.text("the file", &file).unwrap(), b"member-17");
    assert!(Lock::of(None, PURPOSE, "plain", b"{}").unwrap().is_none());
    let none = Lock::of(None, PURPOSE, "the file", &file).unwrap_err().to_string();
    assert!(none.contains("--encryption-key-file") && none.contains(&first.current().to_string()), "{none}");
    let other = Lock::of(Some(&second), PURPOSE, "the file", &file).unwrap_err().to_string();
    for part in ["the file", "further line", &first.current().to_string(), &second.current().to_string()] {
        assert!(other.contains(part), "{other}");
    }
    let swapped = Lock::of(Some(&first), "journal", "the file", &file).unwrap_err();
    assert!(matches!(swapped, EncryptionError::DamagedKey { .. }), "a key is for one purpose");
}

#[test]
fn every_changed_byte_is_noticed() {
    let keys = keys(&[&new_key()]);
    let file = Lock::new(&keys, PURPOSE).unwrap().file(b"12.50").unwrap();
    let read = |file: &[u8]| -> Result<Option<Vec<u8>>, EncryptionError> {
        let lock = Lock::of(Some(&keys), PURPOSE, "it", file)?;
        lock.map(|lock| lock.text("it", file)).transpose()
    };
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(!matches!(read(&changed), Ok(Some(_))), "byte {at}");
        assert!(!matches!(read(&file[..at]), Ok(Some(_))), "cut off at {at}");
    }
}

#[test]
fn a_replaced_master_key_changes_the_first_line_only() {
    let (old, new) = (new_key(), new_key());
    let (before, both, after) = (keys(&[&old]), keys(&[&new, &old]), keys(&[&new]));
    let file = Lock::new(&before, PURPOSE).unwrap().file(b"text").unwrap();
    let turned = rewrap(&both, PURPOSE, "it", &file).unwrap().unwrap();
    let lock = Lock::of(Some(&after), PURPOSE, "it", &turned).unwrap().unwrap();
    assert_eq!(lock.text("it", &turned).unwrap(), b"text");
    assert_eq!(rewrap(&both, PURPOSE, "it", &turned).unwrap(), None);
    assert!(rewrap(&after, PURPOSE, "it", &file).is_err());
    assert!(Lock::of(Some(&before), PURPOSE, "it", &turned).is_err());
    // Through a backup the file needs neither.
    let inside = unwrapped(&before, PURPOSE, "it", file).unwrap();
    let outside = wrapped_again(&after, PURPOSE, "it", inside).unwrap();
    let lock = Lock::of(Some(&after), PURPOSE, "it", &outside).unwrap().unwrap();
    assert_eq!(lock.text("it", &outside).unwrap(), b"text");
}

#[test]
fn keys_come_from_a_file_a_command_or_a_text() {
    let (one, two) = (new_key(), new_key());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("# new\n{two}\n\n{one}\n")).unwrap();
    let of_file = EncryptionArgs { encryption_key_file: Some(path.clone()), ..EncryptionArgs::default() };
    let expected = keys(&[&two, &one]).ids();
    assert_eq!(of_file.load().unwrap().unwrap().ids(), expected);
    let command = |text: String| EncryptionArgs { encryption_key_command: Some(text), ..Default::default() };
    let of_command = command(format!("cat '{}'", path.display()));
    assert_eq!(of_command.load().unwrap().unwrap().ids(), expected);
    let refused = command("exit 3".to_owned()).load().unwrap_err().to_string();
    assert!(refused.contains("--encryption-key-command") && refused.contains('3'), "{refused}");
    let both = EncryptionArgs { encryption_key_command: Some("true".to_owned()), ..of_file.clone() };
    assert!(both.load().unwrap_err().to_string().contains("keep one of them"));
    let of_text = EncryptionArgs { encryption_key: one.parse().ok(), ..Default::default() };
    assert!(!format!("{of_text:?}").contains(&one));
    assert_eq!(of_text.load().unwrap().unwrap().ids(), keys(&[&one]).ids());
    std::fs::write(&path, "c2hvcnQ=\n").unwrap();
    let short = EncryptionArgs { encryption_key_file: Some(path), ..Default::default() };
    let refused = short.load().unwrap_err().to_string();
    assert!(refused.contains("line 1") && refused.contains("new-key"), "{refused}");
    assert!(EncryptionArgs::default().load().unwrap().is_none());
}
