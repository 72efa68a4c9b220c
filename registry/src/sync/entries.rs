//! Log entries of what was copied: each run of records behind its origin.

use esmhub_store_format::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_RECORDS};
use esmhub_store_format::log::{Action, Record};

use super::plan::Step;
use crate::RegistryError;
use crate::append::{ENTRY_FIELDS, RECORD_FIELDS};

/// As many steps, from the first on, as one entry can hold, and the records that say them.
pub(super) fn first_records(steps: &[Step]) -> Result<(&[Step], Vec<Record>), RegistryError> {
    let (mut records, mut bytes, mut taken) = (Vec::new(), ENTRY_FIELDS, 0);
    let mut before: Option<&Step> = None;
    for step in steps {
        let origin = (!before.is_some_and(|before| follows(step, before))).then(|| Action::Origin(step.origin.clone()));
        let own = origin.iter().chain([&step.action]).map(Action::to_record).collect::<Result<Vec<Record>, _>>();
        let own = own.map_err(|source| RegistryError::Refused { what: "a record".into(), source })?;
        bytes += own.iter().map(|record| RECORD_FIELDS + record.payload.len() as u64).sum::<u64>();
        if records.len() + own.len() > MAX_ENTRY_RECORDS || bytes > MAX_ENTRY_BYTES {
            break;
        }
        records.extend(own);
        before = Some(step);
        taken += 1;
    }
    Ok((steps.split_at(taken).0, records))
}

/// Whether a record stands right behind the other one in the entry in which both were written first.
fn follows(step: &Step, before: &Step) -> bool {
    step.origin.digest == before.origin.digest && before.origin.first.checked_add(1) == Some(step.origin.first)
}
