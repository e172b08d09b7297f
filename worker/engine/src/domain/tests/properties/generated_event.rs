use proptest::prelude::*;

/// What the world does next. Times and ids are made concrete when it happens.
#[derive(Debug, Clone)]
pub(super) enum GeneratedEvent {
    Advance(u64),
    Due,
    Slot(bool),
    ForgeAdmission(u8),
    ForgePermit,
    RequestCancel,
    PolicyRead(u8),
    RefResolved(u8),
    /// The answer to one of the sends so far, the newest first.
    StartAttempted {
        back: usize,
        answer: u8,
        number: i64,
    },
    BuildsListed {
        builds: Vec<(i64, u8)>,
        asked_ago: u64,
    },
    BuildDescribed {
        number: i64,
        status: u8,
        claims_final: bool,
        is_foreign: bool,
    },
    BuildMissing(i64),
    /// The outcome of one of the reports so far, the newest first.
    ReportAttempted {
        back: usize,
        outcome: u8,
    },
    CancelRecorded,
    QueryFailed,
}

pub(super) fn events() -> impl Strategy<Value = Vec<GeneratedEvent>> {
    let one = prop_oneof![
        3 => prop_oneof![0u64..20, 50u64..70, 100u64..300, 900u64..1200, 3600u64..90_000].prop_map(GeneratedEvent::Advance),
        8 => Just(GeneratedEvent::Due),
        1 => any::<bool>().prop_map(GeneratedEvent::Slot),
        1 => (0u8..5).prop_map(GeneratedEvent::ForgeAdmission),
        1 => Just(GeneratedEvent::ForgePermit),
        1 => Just(GeneratedEvent::RequestCancel),
        3 => (0u8..6).prop_map(GeneratedEvent::PolicyRead),
        1 => (0u8..4).prop_map(GeneratedEvent::RefResolved),
        4 => (0usize..3, 0u8..7, 1i64..4).prop_map(|(back, answer, number)| GeneratedEvent::StartAttempted { back, answer, number }),
        2 => (prop::collection::vec((1i64..4, 0u8..4), 0..3), 0u64..2000)
            .prop_map(|(builds, asked_ago)| GeneratedEvent::BuildsListed { builds, asked_ago }),
        3 => (1i64..4, 0u8..5, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
            |(number, status, claims_final, is_foreign)| GeneratedEvent::BuildDescribed { number, status, claims_final, is_foreign }
        ),
        1 => (1i64..4).prop_map(GeneratedEvent::BuildMissing),
        5 => (0usize..3, 0u8..5).prop_map(|(back, outcome)| GeneratedEvent::ReportAttempted { back, outcome }),
        1 => Just(GeneratedEvent::CancelRecorded),
        1 => Just(GeneratedEvent::QueryFailed),
    ];
    prop::collection::vec(one, 1..80)
}
