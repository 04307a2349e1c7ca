// Which request gets which slot, and how each request ends.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <thread>
#include <vector>

#include "check.h"
#include "guests/dispatch.h"
#include "guests/registry.h"
#include "guests/semaphore.h"

namespace {

using sesha::guests::monotonic_now;

constexpr int64_t kForever = -1;

/// A pool with interpreters that do nothing, released at the end.
/// Waits on although a wait ends now and then, for signals to be looked at.
sesha_status drain_fully(sesha_pool* pool) {
  sesha_status status = SESHA_OK;
  while ((status = sesha_pool_drain(pool, kForever)) == SESHA_INTERRUPTED) {
  }
  return status;
}

struct Fixture {
  explicit Fixture(int interpreters, uint32_t threads = 1, size_t limit = SIZE_MAX)
      : pool(sesha_pool_new(limit)) {
    for (int index = 0; index < interpreters; ++index) add(threads);
  }
  ~Fixture() { sesha_pool_release(pool); }

  sesha_interpreter* add(uint32_t threads = 1) {
    interpreters.push_back(sesha::guests::add_interpreter());
    std::vector<sesha_slot*> added(threads);
    CHECK(sesha_pool_add(pool, interpreters.back(), threads, added.data()) == SESHA_OK);
    slots.insert(slots.end(), added.begin(), added.end());
    return interpreters.back();
  }

  sesha_slot* take(sesha_interpreter* pin = nullptr) {
    sesha_request* place = nullptr;
    sesha_slot* slot = nullptr;
    CHECK(sesha_pool_acquire(pool, pin, 0, &place, &slot) == SESHA_OK);
    return slot;
  }

  sesha_status try_take(sesha_interpreter* pin = nullptr) {
    sesha_request* place = nullptr;
    sesha_slot* slot = nullptr;
    return sesha_pool_acquire(pool, pin, 0, &place, &slot);
  }

  sesha_pool_statistics statistics() {
    sesha_pool_statistics read;
    sesha_pool_read_statistics(pool, &read);
    return read;
  }

  void wait_for_queue(uint64_t length) {
    while (statistics().queued != length) std::this_thread::yield();
  }

  sesha_pool* pool;
  std::vector<sesha_interpreter*> interpreters;
  std::vector<sesha_slot*> slots;
};

/// A task's context: counts what became of it.
struct Probe {
  std::atomic<int> runs{0};
  std::atomic<int> drops{0};
  std::atomic<int> why{SESHA_OK};
};

void drop_probe(void* context, sesha_status why) {
  Probe* probe = static_cast<Probe*>(context);
  probe->why = why;
  ++probe->drops;
}

sesha_request* submit(Fixture& fixture, Probe* probe, sesha_interpreter* pin = nullptr) {
  sesha_request* task = nullptr;
  CHECK(sesha_pool_submit(fixture.pool, pin, 0, probe, drop_probe, &task) == SESHA_OK);
  return task;
}

bool is_running(sesha_request* task) {
  return sesha_request_read_state(task) == SESHA_REQUEST_GRANTED;
}

void work(sesha_slot* slot) {
  void* context;
  while (sesha_slot_next_task(slot, &context) == SESHA_OK) ++static_cast<Probe*>(context)->runs;
}

void the_slot_freed_last_is_taken_first() {
  Fixture fixture(3);
  sesha_slot* first = fixture.take();
  sesha_slot* second = fixture.take();
  sesha_slot* third = fixture.take();
  CHECK(fixture.try_take() == SESHA_TIMEOUT);
  sesha_slot_release(second);
  sesha_slot_release(third);
  sesha_slot_release(first);
  CHECK(fixture.take() == first);
  CHECK(fixture.take() == third);
  CHECK(fixture.take() == second);
}

void an_idle_interpreter_is_preferred_to_a_half_busy_one() {
  Fixture fixture(2, 2);
  sesha_slot* first = fixture.take();
  sesha_slot* second = fixture.take();
  CHECK(sesha_slot_interpreter(first) != sesha_slot_interpreter(second));
}

void a_pinned_request_gets_its_interpreter() {
  Fixture fixture(3);
  for (sesha_interpreter* interpreter : fixture.interpreters) {
    CHECK(sesha_slot_interpreter(fixture.take(interpreter)) == interpreter);
    CHECK(fixture.try_take(interpreter) == SESHA_TIMEOUT);
  }
}

void requests_are_served_in_order_of_arrival_pinned_or_not() {
  Fixture fixture(1);
  sesha_slot* slot = fixture.take();
  std::vector<int> order;
  std::vector<std::thread> callers;
  for (int index = 0; index < 6; ++index) {
    callers.emplace_back([&, index] {
      sesha_request* place = nullptr;
      sesha_slot* mine = nullptr;
      sesha_interpreter* pin = index % 2 == 0 ? fixture.interpreters[0] : nullptr;
      sesha_status status = SESHA_INTERRUPTED;
      while (status == SESHA_INTERRUPTED) {
        status = sesha_pool_acquire(fixture.pool, pin, kForever, &place, &mine);
      }
      CHECK(status == SESHA_OK);
      order.push_back(index);  // the slot is the lock
      sesha_slot_release(mine);
    });
    fixture.wait_for_queue(static_cast<uint64_t>(index) + 1);
  }
  sesha_slot_release(slot);
  for (std::thread& caller : callers) caller.join();
  CHECK((order == std::vector<int>{0, 1, 2, 3, 4, 5}));
}

void a_full_queue_refuses_and_a_cancelled_task_makes_room() {
  Fixture fixture(1, 1, 1);
  sesha_slot* slot = fixture.take();
  Probe first, second;
  sesha_request* task = submit(fixture, &first);
  sesha_request* refused = nullptr;
  CHECK(sesha_pool_submit(fixture.pool, nullptr, 0, &second, drop_probe, &refused) == SESHA_FULL);
  CHECK(refused == nullptr);
  CHECK(sesha_request_cancel(task) == 1);
  CHECK(sesha_request_cancel(task) == 0);
  sesha_request_release(task);
  task = submit(fixture, &second);
  CHECK(fixture.statistics().queued == 1 && fixture.statistics().rejected == 1);
  sesha_pool_close(fixture.pool, 1);
  CHECK(second.drops == 1 && second.why == SESHA_CLOSED && first.drops == 0);
  sesha_request_release(task);
  sesha_slot_release(slot);
}

void a_time_out_leaves_the_queue() {
  Fixture fixture(1);
  sesha_slot* slot = fixture.take();
  sesha_request* place = nullptr;
  sesha_slot* other = nullptr;
  CHECK(sesha_pool_acquire(fixture.pool, nullptr, monotonic_now() + 1'000'000, &place, &other) ==
        SESHA_TIMEOUT);
  CHECK(place == nullptr && fixture.statistics().queued == 0 &&
        fixture.statistics().timed_out == 1);
  sesha_slot_release(slot);
  CHECK(fixture.take() == slot);
}

void a_signal_interrupts_a_waiter_that_keeps_its_place() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  Fixture fixture(1);
  sesha_slot* slot = fixture.take();
  std::atomic<int> interruptions{0};
  std::thread caller([&] {
    sesha_request* place = nullptr;
    sesha_slot* mine = nullptr;
    sesha_status status;
    while ((status = sesha_pool_acquire(fixture.pool, nullptr, kForever, &place, &mine)) ==
           SESHA_INTERRUPTED) {
      CHECK(place != nullptr);
      ++interruptions;
    }
    CHECK(status == SESHA_OK && place == nullptr && mine == slot);
  });
  fixture.wait_for_queue(1);
  while (interruptions == 0) pthread_kill(caller.native_handle(), SIGUSR1);
  CHECK(fixture.statistics().queued == 1);
  sesha_slot_release(slot);
  caller.join();
}

void an_interrupted_waiter_can_give_up_its_place() {
  Fixture fixture(1);
  sesha_slot* slot = fixture.take();
  std::atomic<bool> done{false};
  std::thread caller([&] {
    sesha_request* place = nullptr;
    sesha_slot* mine = nullptr;
    CHECK(sesha_pool_acquire(fixture.pool, nullptr, kForever, &place, &mine) == SESHA_INTERRUPTED);
    sesha_request_abandon(place);
    done = true;
  });
  fixture.wait_for_queue(1);
  while (!done) pthread_kill(caller.native_handle(), SIGUSR1);
  caller.join();
  CHECK(fixture.statistics().queued == 0 && fixture.statistics().cancelled == 1);
  sesha_slot_release(slot);
  CHECK(fixture.take() == slot);
}

void workers_run_what_is_queued_before_a_closed_pool_ends_them() {
  Fixture fixture(2);
  Probe probe;
  for (int index = 0; index < 100; ++index) sesha_request_release(submit(fixture, &probe));
  sesha_pool_close(fixture.pool, 0);
  sesha_request* refused = nullptr;
  CHECK(sesha_pool_submit(fixture.pool, nullptr, 0, &probe, drop_probe, &refused) == SESHA_CLOSED);
  std::vector<std::thread> workers;
  for (sesha_slot* slot : fixture.slots) workers.emplace_back(work, slot);
  CHECK(drain_fully(fixture.pool) == SESHA_OK);
  for (std::thread& worker : workers) worker.join();
  CHECK(probe.runs == 100 && probe.drops == 0);
}

void a_removed_interpreter_fails_what_is_pinned_to_it_and_nothing_else() {
  Fixture fixture(2);
  sesha_slot* first = fixture.take(fixture.interpreters[0]);
  sesha_slot* second = fixture.take(fixture.interpreters[1]);
  Probe pinned, any;
  sesha_request* pinned_task = submit(fixture, &pinned, fixture.interpreters[0]);
  sesha_request* any_task = submit(fixture, &any);
  CHECK(sesha_pool_remove(fixture.pool, fixture.interpreters[0]) == SESHA_OK);
  CHECK(sesha_pool_remove(fixture.pool, fixture.interpreters[0]) == SESHA_CLOSED);
  CHECK(pinned.drops == 1 && pinned.why == SESHA_DIED && any.drops == 0);
  CHECK(fixture.try_take(fixture.interpreters[0]) == SESHA_DIED);
  sesha_slot_release(first);
  CHECK(fixture.statistics().idle == 0 && fixture.statistics().interpreters == 1);
  CHECK(!is_running(any_task));
  sesha_interpreter* replacement = fixture.add();
  CHECK(is_running(any_task));
  CHECK(fixture.try_take(replacement) == SESHA_TIMEOUT);
  sesha_slot_release(second);
  sesha_request_release(pinned_task);
  sesha_request_release(any_task);
  std::thread worker(work, fixture.slots.back());
  sesha_pool_close(fixture.pool, 0);
  worker.join();
  CHECK(any.runs == 1);
}

void a_task_that_its_worker_has_not_begun_moves_on_when_the_interpreter_goes() {
  Fixture fixture(2);
  sesha_slot* held = fixture.take(fixture.interpreters[1]);
  Probe any;
  sesha_request* task = submit(fixture, &any);
  CHECK(is_running(task));
  sesha_pool_remove(fixture.pool, fixture.interpreters[0]);
  CHECK(!is_running(task) && fixture.statistics().queued == 1);
  sesha_slot_release(held);
  CHECK(is_running(task));
  sesha_request_release(task);
  std::thread worker(work, fixture.slots[1]);
  sesha_pool_close(fixture.pool, 0);
  worker.join();
  CHECK(any.runs == 1);
}

void a_broken_pool_fails_requests_until_an_interpreter_is_added() {
  Fixture fixture(1);
  sesha_slot* slot = fixture.take();
  Probe probe;
  sesha_request_release(submit(fixture, &probe));
  sesha_pool_remove(fixture.pool, fixture.interpreters[0]);
  sesha_slot_release(slot);
  CHECK(probe.drops == 0);
  sesha_pool_break(fixture.pool);
  CHECK(probe.drops == 1 && probe.why == SESHA_DIED);
  CHECK(fixture.try_take() == SESHA_DIED);
  fixture.add();
  CHECK(fixture.try_take() == SESHA_OK);
}

void a_drain_waits_for_holders_and_visitors() {
  Fixture fixture(1);
  sesha_slot* slot = fixture.take();
  CHECK(sesha_pool_visit(fixture.pool, fixture.interpreters[0]) == SESHA_OK);
  CHECK(sesha_pool_drain(fixture.pool, monotonic_now()) == SESHA_TIMEOUT);
  std::atomic<bool> drained{false};
  std::thread waiter([&] {
    CHECK(drain_fully(fixture.pool) == SESHA_OK);
    drained = true;
  });
  sesha_slot_release(slot);
  CHECK(sesha_pool_drain(fixture.pool, monotonic_now()) == SESHA_TIMEOUT);
  CHECK(!drained);
  sesha_pool_leave(fixture.pool);
  waiter.join();
  sesha_pool_remove(fixture.pool, fixture.interpreters[0]);
  CHECK(sesha_pool_visit(fixture.pool, fixture.interpreters[0]) == SESHA_DIED);
}

/// Every request ends exactly once, whatever else happens at the same time.
void every_request_ends_once_under_stress() {
  constexpr int kSubmitters = 4, kCallers = 4, kRounds = 10000;
  Fixture fixture(3, 2);
  std::vector<std::thread> workers;
  for (sesha_slot* slot : fixture.slots) workers.emplace_back(work, slot);
  std::atomic<int> cancelled{0}, granted{0}, refused{0}, submitted{0};
  Probe probe;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kSubmitters; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        sesha_request* task = nullptr;
        sesha_interpreter* pin =
            round % 3 == 0 ? fixture.interpreters[static_cast<size_t>(round) % 3] : nullptr;
        const sesha_status status =
            sesha_pool_submit(fixture.pool, pin, 0, &probe, drop_probe, &task);
        if (status != SESHA_OK) {
          CHECK(status == SESHA_DIED || status == SESHA_CLOSED);
          continue;
        }
        ++submitted;
        if ((round + thread) % 4 == 0 && sesha_request_cancel(task) == 1) ++cancelled;
        sesha_request_release(task);
      }
    });
  }
  for (int thread = 0; thread < kCallers; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        sesha_request* place = nullptr;
        sesha_slot* slot = nullptr;
        const int64_t deadline = thread % 2 == 0 ? monotonic_now() + 20'000 : kForever;
        sesha_status status = SESHA_INTERRUPTED;
        while (status == SESHA_INTERRUPTED) {
          status = sesha_pool_acquire(fixture.pool, nullptr, deadline, &place, &slot);
        }
        if (status == SESHA_OK) {
          ++granted;
          sesha_slot_release(slot);
        } else {
          CHECK(status == SESHA_TIMEOUT || status == SESHA_CLOSED || status == SESHA_DIED);
          ++refused;
        }
      }
    });
  }
  threads.emplace_back([&] {
    for (int death = 0; death < 20; ++death) {
      std::vector<sesha_slot*> added(2);
      sesha_interpreter* born = sesha::guests::add_interpreter();
      CHECK(sesha_pool_add(fixture.pool, born, 2, added.data()) == SESHA_OK);
      std::thread first(work, added[0]), second(work, added[1]);
      std::this_thread::yield();
      CHECK(sesha_pool_remove(fixture.pool, born) == SESHA_OK);
      first.join();
      second.join();
    }
    CHECK(sesha_pool_remove(fixture.pool, fixture.interpreters[0]) == SESHA_OK);
  });
  for (std::thread& thread : threads) thread.join();
  sesha_pool_close(fixture.pool, 1);
  CHECK(drain_fully(fixture.pool) == SESHA_OK);
  for (std::thread& worker : workers) worker.join();
  CHECK(probe.runs + probe.drops + cancelled == submitted);
  CHECK(granted + refused == kCallers * kRounds);
  const sesha_pool_statistics end = fixture.statistics();
  CHECK(end.started == end.finished && end.busy == 0 && end.queued == 0);
}

}  // namespace

int main() {
  the_slot_freed_last_is_taken_first();
  an_idle_interpreter_is_preferred_to_a_half_busy_one();
  a_pinned_request_gets_its_interpreter();
  requests_are_served_in_order_of_arrival_pinned_or_not();
  a_full_queue_refuses_and_a_cancelled_task_makes_room();
  a_time_out_leaves_the_queue();
  a_signal_interrupts_a_waiter_that_keeps_its_place();
  an_interrupted_waiter_can_give_up_its_place();
  workers_run_what_is_queued_before_a_closed_pool_ends_them();
  a_removed_interpreter_fails_what_is_pinned_to_it_and_nothing_else();
  a_task_that_its_worker_has_not_begun_moves_on_when_the_interpreter_goes();
  a_broken_pool_fails_requests_until_an_interpreter_is_added();
  a_drain_waits_for_holders_and_visitors();
  every_request_ends_once_under_stress();
}
