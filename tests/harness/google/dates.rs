//! Calendar dates from seconds since the Unix epoch and back, in UTC; nothing here knows what time it is.

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;

/// Days from the epoch to a date of the proleptic Gregorian calendar; nothing for a date that does not exist.
fn days_until(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a moment.
fn date_of(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The midnight that `2026/03/01`, `2026-03-01` or `2026/3/1` names, in seconds since the epoch.
pub(super) fn midnight(text: &str) -> Option<i64> {
    let numbers: Vec<i64> =
        text.split(['/', '-']).map(|part| part.parse().ok()).collect::<Option<Vec<i64>>>()?;
    let [year, month, day] = numbers[..] else { return None };
    if !(1000..=9999).contains(&year) {
        return None;
    }
    days_until(year, month, day).map(|days| days * DAY)
}

/// As in a mail's `Date` header: `Sun, 01 Mar 2026 08:15:00 +0000`.
pub(super) fn mail_date(seconds: i64) -> String {
    let (year, month, day) = date_of(seconds);
    let weekday = usize::try_from(seconds.div_euclid(DAY).rem_euclid(7)).unwrap_or_default();
    let month = usize::try_from(month - 1).unwrap_or_default();
    format!("{}, {day:02} {} {year} {} +0000", WEEKDAYS[weekday], MONTHS[month], time_of_day(seconds))
}

/// As in RFC 3339, with milliseconds: `2026-03-01T08:15:00.000Z`.
pub(super) fn timestamp(seconds: i64) -> String {
    let (year, month, day) = date_of(seconds);
    format!("{year:04}-{month:02}-{day:02}T{}.000Z", time_of_day(seconds))
}

fn time_of_day(seconds: i64) -> String {
    let second = seconds.rem_euclid(DAY);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_becomes_its_midnight_and_back() {
        let seconds = midnight("2026/03/01").expect("a date");
        assert_eq!(seconds, 1_772_323_200);
        assert_eq!(mail_date(seconds + 29_700), "Sun, 01 Mar 2026 08:15:00 +0000");
        assert_eq!(timestamp(seconds), "2026-03-01T00:00:00.000Z");
        assert_eq!(midnight("2026-3-1"), Some(seconds));
    }

    #[test]
    fn a_date_that_does_not_exist_is_none() {
        for text in ["2026/02/29", "2026/13/01", "2026/00/10", "26/01/01", "yesterday", "2026/01"] {
            assert_eq!(midnight(text), None, "{text}");
        }
        assert!(midnight("2024/02/29").is_some());
    }
}
