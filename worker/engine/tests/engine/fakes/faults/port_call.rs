/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortCall {
    Ack,
    DeadLetter,
    Insert,
    Load,
    Update,
    Due,
    LoadOrder,
    WriteOrder,
    CountJob,
    TakeSlot,
    ReleaseSlot,
    ReadSlots,
    ReadProject,
    ListProjects,
    ReadSecret,
    Start,
    List,
    Describe,
    Stop,
    ReportStatus,
    ResolveRef,
    PublishDoneEvent,
}

impl PortCall {
    pub const ALL: [Self; 22] = [
        Self::Ack,
        Self::DeadLetter,
        Self::Insert,
        Self::Load,
        Self::Update,
        Self::Due,
        Self::LoadOrder,
        Self::WriteOrder,
        Self::CountJob,
        Self::TakeSlot,
        Self::ReleaseSlot,
        Self::ReadSlots,
        Self::ReadProject,
        Self::ListProjects,
        Self::ReadSecret,
        Self::Start,
        Self::List,
        Self::Describe,
        Self::Stop,
        Self::ReportStatus,
        Self::ResolveRef,
        Self::PublishDoneEvent,
    ];
    pub const LEDGER: [Self; 6] =
        [Self::Insert, Self::Load, Self::Update, Self::Due, Self::LoadOrder, Self::WriteOrder];
}
