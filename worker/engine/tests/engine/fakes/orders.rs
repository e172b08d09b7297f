use std::collections::BTreeMap;

use doorbell_engine::domain::{OrderItem, OrderScope, Timestamp};
use doorbell_engine::ports::{LoadError, OrderLedger, PortError, UpdateOutcome};

use super::{PortCall, SimulatedWorker, lock};

/// The items of orders, with conditional writes and consistent reads.
#[derive(Debug, Default)]
pub struct FakeOrders {
    items: BTreeMap<OrderScope, OrderItem>,
}

impl FakeOrders {
    fn write(&mut self, scope: &OrderScope, item: &OrderItem) -> UpdateOutcome {
        let before = self.items.get(scope).map_or(0, |item| item.rev);
        if before + 1 != item.rev {
            return UpdateOutcome::Conflict;
        }
        self.items.insert(scope.clone(), item.clone());
        UpdateOutcome::Written
    }
}

impl OrderLedger for SimulatedWorker {
    async fn load(&self, scope: &OrderScope) -> Result<Option<OrderItem>, LoadError> {
        self.process.before(PortCall::LoadOrder).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.process.wait_alive().await;
        let item = lock(&self.services.orders).items.get(scope).cloned();
        self.process.after(PortCall::LoadOrder).await?;
        Ok(item)
    }

    async fn write(&self, scope: &OrderScope, item: &OrderItem, _: Timestamp) -> Result<UpdateOutcome, PortError> {
        self.process.before(PortCall::WriteOrder).await?;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.process.wait_alive().await;
        let outcome = lock(&self.services.orders).write(scope, item);
        self.process.after(PortCall::WriteOrder).await?;
        Ok(outcome)
    }
}
