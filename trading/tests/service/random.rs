//! Random days: the database against the same day told by the pure rules in memory.

mod model;

use std::time::Duration;

use crate::support::{NOW, Trader, With, World, aapl, buy, change, change_to, sell};
use model::Model;
use platform_core::{Random, SeededRandom, TenantId};
use trading::{CancelError, OrderId, Placed, ReplaceError, Ticket};

const STEPS: u32 = 220;

struct Day {
    world: World,
    traders: Vec<Trader>,
    model: Model,
    random: SeededRandom,
    orders: Vec<(usize, OrderId)>,
    price_e4: i64,
}

impl Day {
    async fn begin(seed: u64) -> Self {
        let world = World::new().await;
        let abroad = world.other_tenant().await;
        let traders = vec![world.trader(), world.trader(), abroad.trader()];
        for trader in &traders {
            trader.cash().await;
        }
        Self {
            model: Model::new(traders.len()),
            world,
            traders,
            random: SeededRandom::new(seed),
            orders: Vec::new(),
            price_e4: 100_000,
        }
    }

    /// A number below `end`.
    fn draw(&self, end: u32) -> u32 {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        u32::from_le_bytes(bytes) % end
    }

    async fn step(&mut self) {
        match self.draw(100) {
            0..45 => self.place().await,
            45..52 => self.cancel().await,
            52..60 => self.replace().await,
            60..78 => self.quote(),
            78..97 => self.meet().await,
            _ => self.midnight().await,
        }
    }

    fn ticket(&self) -> Ticket {
        let quantity = format!("{}.{:06}", self.draw(60), 1 + self.draw(999_999));
        let side = match self.draw(2) {
            0 => buy(&quantity),
            _ => sell(&quantity),
        };
        let time_in_force = ["day", "gtc", "ioc", "fok"][usize::try_from(self.draw(4)).unwrap()];
        let ticket = side.until(time_in_force);
        let rests = if self.draw(2) == 0 { "day" } else { "gtc" };
        match self.draw(6) {
            0 | 1 => ticket,
            2 | 3 => ticket.limit(&self.near()),
            4 => ticket.stop(&self.near()).until(rests),
            _ => ticket.stop_limit(&self.near(), &self.near()).until(rests),
        }
    }

    /// A price not far from the market.
    fn near(&self) -> String {
        let away = i64::from(self.draw(8_000)) - 4_000;
        decimal(self.price_e4 + away)
    }

    async fn replace(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let pick = self.draw(u32::try_from(self.orders.len()).unwrap());
        let (who, id) = self.orders[usize::try_from(pick).unwrap()];
        let mut ticket = match self.draw(3) {
            0 => change(),
            _ => change_to(&format!("{}.5", self.draw(60))),
        };
        if self.draw(2) == 0 {
            ticket.limit_price = Some(self.near().as_str().into());
        }

        let replaced = self.traders[who].replace(id, &ticket).await;

        let refused = match replaced {
            Ok(_) => None,
            Err(ReplaceError::Closed(order)) => Some(order.status.conflict_code()),
            Err(ReplaceError::Fields(problems)) => Some(problems[0].problem.code()),
            Err(ReplaceError::Invalid(invalid)) => Some(invalid.code()),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(self.model.replace(who, id, &ticket), refused, "{ticket:?}");
        self.compare(who).await;
    }

    async fn place(&mut self) {
        let who = usize::try_from(self.draw(3)).unwrap();
        let ticket = self.ticket();
        let trader = &self.traders[who];
        self.world.tick();
        let placed = self.world.trading.place(&trader.ctx(), &ticket).await;
        match placed {
            Ok(Placed::New(outcome)) => {
                let id = outcome.order.id;
                self.model.place(who, id, &ticket);
                self.orders.push((who, id));
            }
            Ok(other) => panic!("{other:?}"),
            Err(refused) => assert!(self.model.refuses(&ticket), "{refused:?} of {ticket:?}"),
        }
        self.compare(who).await;
    }

    async fn cancel(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let pick = self.draw(u32::try_from(self.orders.len()).unwrap());
        let (who, id) = self.orders[usize::try_from(pick).unwrap()];
        let cancelled = self.world.trading.cancel(&self.traders[who].ctx(), id).await;
        match cancelled {
            Ok(_) => assert!(self.model.cancel(who, id), "the model has it closed"),
            Err(CancelError::Closed(_)) => assert!(!self.model.cancel(who, id), "the model has it open"),
            Err(other) => panic!("{other:?}"),
        }
        self.compare(who).await;
    }

    fn quote(&mut self) {
        self.price_e4 = (self.price_e4 + i64::from(self.draw(4_001)) - 2_000).max(10_000);
        let spread = i64::from(self.draw(200));
        let size = format!("{}.5", self.draw(80));
        self.world
            .quote(&decimal(self.price_e4), &decimal(self.price_e4 + spread), &size);
        self.model.offer(&self.world.board.latest(aapl()).unwrap());
    }

    async fn meet(&mut self) {
        self.world.match_aapl().await;
        self.model.meet();
        self.compare_all().await;
    }

    async fn midnight(&mut self) {
        let next = self.world.clock_now().replace_time(time::Time::MIDNIGHT) + Duration::from_secs(86_400);
        self.world.clock.set(next);
        self.world.matcher.end_orders().await.unwrap();
        self.model.midnight(next);
        self.compare_all().await;
    }

    async fn compare_all(&self) {
        for who in 0..self.traders.len() {
            self.compare(who).await;
        }
    }

    async fn compare(&self, who: usize) {
        let trader = &self.traders[who];
        let portfolio = trader.portfolio().await;
        let account = self.model.account(who);
        let position = trader
            .world
            .trading
            .position(&trader.ctx(), aapl())
            .await
            .unwrap();
        assert_eq!(portfolio.account.buying_power, account.cash.available);
        assert_eq!(portfolio.account.held, account.cash.held);
        if let Some(position) = position {
            assert_eq!(position.available, account.position.available);
            assert_eq!(position.quantity, account.position.quantity().unwrap());
            assert_eq!(position.cost, account.position.cost);
            assert_eq!(position.realized, account.position.realized);
        } else {
            assert!(account.position.quantity().unwrap().is_zero());
        }
    }

    async fn end(self) {
        for (who, id) in &self.orders {
            let order = self.traders[*who].order(*id).await;
            let expected = self.model.order(*who, *id);
            assert_eq!(order.status, expected.status, "{order:?}");
            assert_eq!(order.filled_quantity, expected.filled);
            assert_eq!(order.hold, expected.hold);
        }
        let tenants: Vec<TenantId> = self.traders.iter().map(|trader| trader.world.tenant).collect();
        for tenant in tenants {
            World {
                tenant,
                ..self.world.clone()
            }
            .sound()
            .await;
        }
    }
}

fn decimal(price_e4: i64) -> String {
    trading::Price::from_e4(price_e4).unwrap().to_string()
}

async fn run(seed: u64) {
    let mut day = Day::begin(seed).await;
    assert_eq!(day.world.clock_now(), NOW);
    day.quote();
    for _ in 0..STEPS {
        day.step().await;
    }
    assert!(day.orders.len() > 30);
    day.end().await;
}

#[tokio::test]
async fn a_random_day_is_as_the_rules_tell_it_1() {
    run(1).await;
}

#[tokio::test]
async fn a_random_day_is_as_the_rules_tell_it_2() {
    run(2).await;
}

#[tokio::test]
async fn a_random_day_is_as_the_rules_tell_it_3() {
    run(3).await;
}

#[tokio::test]
async fn a_random_day_is_as_the_rules_tell_it_4() {
    run(4).await;
}
