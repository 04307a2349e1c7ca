#include "guests/dispatch.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "guests/request_queue.h"

namespace sesha::guests {
namespace {

/// An interpreter as one pool sees it. Never freed before the pool: late threads still name it.
struct Member {
  sesha_interpreter* interpreter = nullptr;
  bool present = true;
  uint32_t busy = 0;
  RequestQueue pinned;
};

/// Tasks to drop, gathered under the mutex and dropped after it.
using Dropped = std::vector<std::pair<sesha_request*, sesha_status>>;

}  // namespace
}  // namespace sesha::guests

using sesha::guests::Deadline;
using sesha::guests::Dropped;
using sesha::guests::Member;
using sesha::guests::RequestQueue;
using sesha::guests::Semaphore;

struct sesha_slot {
  sesha_pool* pool = nullptr;
  Member* member = nullptr;
  sesha_request* task = nullptr;     ///< given to the worker, which has not seen it yet
  sesha_request* current = nullptr;  ///< what the worker works on
  Semaphore wake;                    ///< for the worker: look again
};

struct sesha_pool {
  explicit sesha_pool(size_t limit) : queue_limit_(limit) {}

  sesha_status add(sesha_interpreter* interpreter, uint32_t count, sesha_slot** slots);
  sesha_status remove(sesha_interpreter* interpreter);
  void break_up();
  sesha_status acquire(sesha_interpreter* pin, Deadline deadline, sesha_request** place,
                       sesha_slot** slot);
  void abandon(sesha_request* place);
  void release(sesha_slot* slot);
  sesha_status submit(sesha_request* task, bool unbounded);
  bool cancel(sesha_request* task);
  sesha_request_state read_state(const sesha_request* task);
  sesha_status next_task(sesha_slot* slot, void** context);
  sesha_status visit(sesha_interpreter* interpreter);
  void leave();
  void close(bool cancel_pending);
  sesha_status drain(Deadline deadline);
  void read_statistics(sesha_pool_statistics* statistics);

  std::atomic<uint32_t> references{1};

 private:
  using Lock = std::unique_lock<std::mutex>;

  Member* find(sesha_interpreter* interpreter);
  sesha_status refusal(sesha_interpreter* pin);
  sesha_slot* take_free(const Member* pin);
  void enqueue(sesha_request* request);
  void unlink(sesha_request* request);
  sesha_request* oldest_for(Member* member);
  void grant(sesha_request* request, sesha_slot* slot);
  void give_back(sesha_slot* slot);
  void offer(sesha_slot* slot);
  void fail(sesha_request* request, sesha_status why, Dropped* dropped);
  void fail_all(RequestQueue* queue, sesha_status why, Dropped* dropped);
  void fail_everything(sesha_status why, Dropped* dropped);
  void after_change();
  static void drop(const Dropped& dropped);

  std::mutex mutex_;
  const size_t queue_limit_;
  std::deque<Member> members_;
  std::deque<sesha_slot> slots_;
  std::vector<sesha_slot*> free_;  ///< the last is the one freed last
  RequestQueue anywhere_;
  uint64_t next_sequence_ = 0;
  uint64_t queued_ = 0;
  uint64_t busy_ = 0;
  uint64_t visitors_ = 0;
  bool closed_ = false;
  bool broken_ = false;
  std::vector<Semaphore*> drains_;
  sesha_pool_statistics counts_{};
};

Member* sesha_pool::find(sesha_interpreter* interpreter) {
  for (Member& member : members_) {
    if (member.interpreter == interpreter && member.present) return &member;
  }
  return nullptr;
}

/// Why a new request can't be taken, or SESHA_OK.
sesha_status sesha_pool::refusal(sesha_interpreter* pin) {
  if (closed_) return sesha_fail(SESHA_CLOSED, "the pool is shut down");
  if (broken_) return sesha_fail(SESHA_DIED, "the pool has no interpreter left");
  if (pin != nullptr && find(pin) == nullptr) {
    return sesha_fail(SESHA_DIED, "interpreter %u is not in the pool any more",
                      sesha_interpreter_index(pin));
  }
  return SESHA_OK;
}

/// The free slot to use: on the least busy interpreter, of several the one freed last. Marks it
/// busy.
sesha_slot* sesha_pool::take_free(const Member* pin) {
  auto best = free_.rend();
  for (auto candidate = free_.rbegin(); candidate != free_.rend(); ++candidate) {
    const Member* member = (*candidate)->member;
    if (pin != nullptr && member != pin) continue;
    if (best == free_.rend() || member->busy < (*best)->member->busy) best = candidate;
    if (member->busy == 0) break;
  }
  if (best == free_.rend()) return nullptr;
  sesha_slot* slot = *best;
  free_.erase(std::next(best).base());
  ++slot->member->busy;
  ++busy_;
  ++counts_.started;
  return slot;
}

void sesha_pool::enqueue(sesha_request* request) {
  request->sequence = next_sequence_++;
  request->references.fetch_add(1, std::memory_order_relaxed);
  (request->pin == nullptr ? anywhere_ : find(request->pin)->pinned).push_back(request);
  ++queued_;
}

/// Out of its queue, whose reference the caller now has.
void sesha_pool::unlink(sesha_request* request) {
  // A member that was removed has an empty queue, so a queued request's member is present.
  (request->pin == nullptr ? anywhere_ : find(request->pin)->pinned).remove(request);
  --queued_;
}

sesha_request* sesha_pool::oldest_for(Member* member) {
  sesha_request* pinned = member->pinned.front();
  sesha_request* any = anywhere_.front();
  if (pinned == nullptr || any == nullptr) return pinned == nullptr ? any : pinned;
  return pinned->sequence < any->sequence ? pinned : any;
}

/// Hands a busy slot to a request that is in no queue, with the reference that the queue had.
void sesha_pool::grant(sesha_request* request, sesha_slot* slot) {
  request->state = SESHA_REQUEST_GRANTED;
  request->slot = slot;
  if (request->is_task()) {
    slot->task = request;
    slot->wake.post();
  } else {
    request->decided.post();
    // The caller has a reference of its own.
    request->references.fetch_sub(1, std::memory_order_release);
  }
}

/// A holder is done with its slot, which goes to the oldest request that may have it, else to the
/// free ones.
void sesha_pool::give_back(sesha_slot* slot) {
  ++counts_.finished;
  offer(slot);
}

/// A busy slot that nobody holds.
void sesha_pool::offer(sesha_slot* slot) {
  Member* member = slot->member;
  if (member->present) {
    if (sesha_request* request = oldest_for(member)) {
      unlink(request);
      ++counts_.started;
      grant(request, slot);
      after_change();
      return;
    }
    free_.push_back(slot);
  }
  --member->busy;
  --busy_;
  after_change();
}

void sesha_pool::fail(sesha_request* request, sesha_status why, Dropped* dropped) {
  request->state = SESHA_REQUEST_FAILED;
  request->failure = why;
  ++counts_.failed;
  if (request->is_task()) {
    dropped->emplace_back(request, why);
  } else {
    request->decided.post();
    request->references.fetch_sub(1, std::memory_order_release);
  }
}

void sesha_pool::fail_all(RequestQueue* queue, sesha_status why, Dropped* dropped) {
  while (sesha_request* request = queue->front()) {
    queue->remove(request);
    --queued_;
    fail(request, why, dropped);
  }
}

void sesha_pool::fail_everything(sesha_status why, Dropped* dropped) {
  fail_all(&anywhere_, why, dropped);
  for (Member& member : members_) fail_all(&member.pinned, why, dropped);
}

/// Wakes who waits for an end: workers of a closed pool without work, and those who drain it.
void sesha_pool::after_change() {
  if (closed_ && queued_ == 0) {
    for (sesha_slot& slot : slots_) slot.wake.post();
  }
  if (queued_ == 0 && busy_ == 0 && visitors_ == 0) {
    for (Semaphore* drain : drains_) drain->post();
  }
}

void sesha_pool::drop(const Dropped& dropped) {
  for (auto [request, why] : dropped) {
    request->drop(request->context, why);
    sesha_request_release(request);
  }
}

sesha_status sesha_pool::add(sesha_interpreter* interpreter, uint32_t count, sesha_slot** slots) {
  Lock lock(mutex_);
  if (closed_) return sesha_fail(SESHA_CLOSED, "the pool is shut down");
  broken_ = false;
  Member& member = members_.emplace_back();
  member.interpreter = interpreter;
  for (uint32_t index = 0; index < count; ++index) {
    sesha_slot& slot = slots_.emplace_back();
    slot.pool = this;
    slot.member = &member;
    slots[index] = &slot;
    ++member.busy;
    ++busy_;
    offer(&slot);
  }
  return SESHA_OK;
}

sesha_status sesha_pool::remove(sesha_interpreter* interpreter) {
  Dropped dropped;
  {
    Lock lock(mutex_);
    Member* member = find(interpreter);
    if (member == nullptr) return SESHA_CLOSED;
    fail_all(&member->pinned, SESHA_DIED, &dropped);
    member->present = false;
    std::erase_if(free_, [member](const sesha_slot* slot) { return slot->member == member; });
    for (sesha_slot& slot : slots_) {
      if (slot.member != member) continue;
      if (sesha_request* task = std::exchange(slot.task, nullptr)) {
        --member->busy;
        --busy_;
        --counts_.started;
        if (task->pin != nullptr || closed_) {
          // Workers of a closed pool may have left already, so there may be nobody to run it
          // elsewhere.
          fail(task, SESHA_DIED, &dropped);
        } else if (sesha_slot* other = take_free(nullptr)) {
          grant(task, other);
        } else {
          task->state = SESHA_REQUEST_QUEUED;
          anywhere_.put_back(task);
          ++queued_;
        }
      }
      slot.wake.post();
    }
    const bool any_left = std::any_of(members_.begin(), members_.end(),
                                      [](const Member& other) { return other.present; });
    if (closed_ && !any_left) fail_everything(SESHA_DIED, &dropped);
    after_change();
  }
  drop(dropped);
  return SESHA_OK;
}

void sesha_pool::break_up() {
  Dropped dropped;
  {
    Lock lock(mutex_);
    broken_ = true;
    fail_everything(SESHA_DIED, &dropped);
    after_change();
  }
  drop(dropped);
}

sesha_status sesha_pool::acquire(sesha_interpreter* pin, Deadline deadline, sesha_request** place,
                                 sesha_slot** slot) {
  sesha_request* request = std::exchange(*place, nullptr);
  if (request == nullptr) {
    Lock lock(mutex_);
    if (const sesha_status status = refusal(pin); status != SESHA_OK) return status;
    *slot = take_free(pin == nullptr ? nullptr : find(pin));
    if (*slot != nullptr) return SESHA_OK;
    if (deadline == 0) return sesha_fail(SESHA_TIMEOUT, "no interpreter is free");
    if (queued_ >= queue_limit_) {
      ++counts_.rejected;
      return sesha_fail(SESHA_FULL, "%zu calls wait already, the pool's queue_limit", queue_limit_);
    }
    request = new (std::nothrow) sesha_request;
    if (request == nullptr) return sesha_fail(SESHA_MEMORY, "out of memory");
    request->pool = this;
    sesha_pool_retain(this);
    request->pin = pin;
    enqueue(request);
  }
  const Semaphore::Outcome outcome = request->decided.wait_attentively(deadline);
  if (outcome == Semaphore::Outcome::kInterrupted) {
    *place = request;
    return SESHA_INTERRUPTED;
  }
  sesha_status status = SESHA_OK;
  {
    Lock lock(mutex_);
    if (request->state == SESHA_REQUEST_QUEUED) {
      unlink(request);
      request->references.fetch_sub(1, std::memory_order_relaxed);
      request->state = SESHA_REQUEST_CANCELLED;
      ++counts_.timed_out;
      after_change();
      status = SESHA_TIMEOUT;
    } else if (request->state == SESHA_REQUEST_FAILED) {
      status = request->failure;
    } else {
      *slot = request->slot;
    }
  }
  sesha_request_release(request);
  if (status == SESHA_TIMEOUT) return sesha_fail(status, "no interpreter became free in time");
  if (status == SESHA_CLOSED)
    return sesha_fail(status, "the pool was shut down while the call waited");
  if (status == SESHA_DIED)
    return sesha_fail(status, "the interpreter that the call waited for is gone");
  return SESHA_OK;
}

void sesha_pool::abandon(sesha_request* place) {
  Lock lock(mutex_);
  if (place->state == SESHA_REQUEST_QUEUED) {
    unlink(place);
    place->references.fetch_sub(1, std::memory_order_relaxed);
    place->state = SESHA_REQUEST_CANCELLED;
    ++counts_.cancelled;
    after_change();
  } else if (place->state == SESHA_REQUEST_GRANTED) {
    give_back(place->slot);
  }
}

void sesha_pool::release(sesha_slot* slot) {
  Lock lock(mutex_);
  give_back(slot);
}

sesha_status sesha_pool::submit(sesha_request* task, bool unbounded) {
  Lock lock(mutex_);
  if (const sesha_status status = refusal(task->pin); status != SESHA_OK) return status;
  if (sesha_slot* slot = take_free(task->pin == nullptr ? nullptr : find(task->pin))) {
    task->references.fetch_add(1, std::memory_order_relaxed);
    grant(task, slot);
    return SESHA_OK;
  }
  if (!unbounded && queued_ >= queue_limit_) {
    ++counts_.rejected;
    return sesha_fail(SESHA_FULL, "%zu calls wait already, the pool's queue_limit", queue_limit_);
  }
  enqueue(task);
  return SESHA_OK;
}

bool sesha_pool::cancel(sesha_request* task) {
  Lock lock(mutex_);
  if (task->state != SESHA_REQUEST_QUEUED) return false;
  unlink(task);
  task->state = SESHA_REQUEST_CANCELLED;
  ++counts_.cancelled;
  after_change();
  lock.unlock();
  sesha_request_release(task);
  return true;
}

sesha_request_state sesha_pool::read_state(const sesha_request* task) {
  Lock lock(mutex_);
  return task->state;
}

sesha_status sesha_pool::next_task(sesha_slot* slot, void** context) {
  Lock lock(mutex_);
  if (sesha_request* done = std::exchange(slot->current, nullptr)) {
    done->state = SESHA_REQUEST_FINISHED;
    give_back(slot);
    lock.unlock();
    sesha_request_release(done);
    lock.lock();
  }
  for (;;) {
    if (sesha_request* task = std::exchange(slot->task, nullptr)) {
      slot->current = task;
      *context = task->context;
      return SESHA_OK;
    }
    if (!slot->member->present || (closed_ && queued_ == 0)) return SESHA_CLOSED;
    lock.unlock();
    slot->wake.wait(sesha::guests::kForever);
    lock.lock();
  }
}

sesha_status sesha_pool::visit(sesha_interpreter* interpreter) {
  Lock lock(mutex_);
  Member* member = find(interpreter);
  if (member == nullptr) {
    return sesha_fail(SESHA_DIED, "interpreter %u is not in the pool any more",
                      sesha_interpreter_index(interpreter));
  }
  ++visitors_;
  return SESHA_OK;
}

void sesha_pool::leave() {
  Lock lock(mutex_);
  --visitors_;
  after_change();
}

void sesha_pool::close(bool cancel_pending) {
  Dropped dropped;
  {
    Lock lock(mutex_);
    closed_ = true;
    const bool any_left = std::any_of(members_.begin(), members_.end(),
                                      [](const Member& other) { return other.present; });
    if (cancel_pending)
      fail_everything(SESHA_CLOSED, &dropped);
    else if (!any_left)
      fail_everything(SESHA_DIED, &dropped);
    after_change();
  }
  drop(dropped);
}

sesha_status sesha_pool::drain(Deadline deadline) {
  Semaphore drained;
  Lock lock(mutex_);
  drains_.push_back(&drained);
  sesha_status status = SESHA_OK;
  while (queued_ > 0 || busy_ > 0 || visitors_ > 0) {
    lock.unlock();
    const Semaphore::Outcome outcome = drained.wait_attentively(deadline);
    lock.lock();
    if (outcome == Semaphore::Outcome::kAcquired) continue;
    if (queued_ > 0 || busy_ > 0 || visitors_ > 0) {
      status = outcome == Semaphore::Outcome::kTimeout ? SESHA_TIMEOUT : SESHA_INTERRUPTED;
    }
    break;
  }
  std::erase(drains_, &drained);
  if (status == SESHA_TIMEOUT)
    return sesha_fail(status, "calls were still running when the time was up");
  return status;
}

void sesha_pool::read_statistics(sesha_pool_statistics* statistics) {
  Lock lock(mutex_);
  *statistics = counts_;
  statistics->interpreters = static_cast<uint64_t>(std::count_if(
      members_.begin(), members_.end(), [](const Member& member) { return member.present; }));
  statistics->busy = busy_;
  statistics->idle = free_.size();
  statistics->queued = queued_;
}

namespace {

std::atomic<uint64_t> fork_generation{0};

// In the child only the forking thread is left, so this needs no care about the others.
[[maybe_unused]] const int watch_forks = pthread_atfork(
    nullptr, nullptr, [] { fork_generation.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

uint64_t sesha_fork_generation(void) { return fork_generation.load(std::memory_order_relaxed); }

int64_t sesha_monotonic_now(void) { return sesha::guests::monotonic_now(); }

sesha_pool* sesha_pool_new(size_t queue_limit) {
  return new (std::nothrow) sesha_pool(queue_limit);
}

void sesha_pool_retain(sesha_pool* pool) {
  pool->references.fetch_add(1, std::memory_order_relaxed);
}

void sesha_pool_release(sesha_pool* pool) {
  if (pool->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete pool;
}

sesha_status sesha_pool_add(sesha_pool* pool, sesha_interpreter* interpreter, uint32_t count,
                            sesha_slot** slots) {
  return pool->add(interpreter, count, slots);
}

sesha_status sesha_pool_remove(sesha_pool* pool, sesha_interpreter* interpreter) {
  return pool->remove(interpreter);
}

void sesha_pool_break(sesha_pool* pool) { pool->break_up(); }

sesha_status sesha_pool_acquire(sesha_pool* pool, sesha_interpreter* pin, int64_t deadline,
                                sesha_request** place, sesha_slot** slot) {
  return pool->acquire(pin, deadline, place, slot);
}

void sesha_request_abandon(sesha_request* place) {
  place->pool->abandon(place);
  sesha_request_release(place);
}

void sesha_slot_release(sesha_slot* slot) { slot->pool->release(slot); }

sesha_interpreter* sesha_slot_interpreter(const sesha_slot* slot) {
  return slot->member->interpreter;
}

sesha_status sesha_pool_submit(sesha_pool* pool, sesha_interpreter* pin, int unbounded,
                               void* context, sesha_drop drop, sesha_request** task) {
  std::unique_ptr<sesha_request> request(new (std::nothrow) sesha_request);
  if (!request) return sesha_fail(SESHA_MEMORY, "out of memory");
  request->pool = pool;
  request->pin = pin;
  request->context = context;
  request->drop = drop;
  // Retained before it can be granted: a worker may drop the queue's reference before submit
  // returns.
  sesha_pool_retain(pool);
  const sesha_status status = pool->submit(request.get(), unbounded != 0);
  if (status != SESHA_OK) {
    sesha_pool_release(pool);
    return status;
  }
  *task = request.release();
  return SESHA_OK;
}

int sesha_request_cancel(sesha_request* task) { return task->pool->cancel(task) ? 1 : 0; }

sesha_request_state sesha_request_read_state(sesha_request* task) {
  return task->pool->read_state(task);
}

void sesha_request_release(sesha_request* task) {
  if (task->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  sesha_pool* pool = task->pool;
  delete task;
  sesha_pool_release(pool);
}

sesha_status sesha_slot_next_task(sesha_slot* slot, void** context) {
  return slot->pool->next_task(slot, context);
}

sesha_status sesha_pool_visit(sesha_pool* pool, sesha_interpreter* interpreter) {
  return pool->visit(interpreter);
}

void sesha_pool_leave(sesha_pool* pool) { pool->leave(); }

void sesha_pool_close(sesha_pool* pool, int cancel_pending) { pool->close(cancel_pending != 0); }

sesha_status sesha_pool_drain(sesha_pool* pool, int64_t deadline) { return pool->drain(deadline); }

void sesha_pool_read_statistics(sesha_pool* pool, sesha_pool_statistics* statistics) {
  pool->read_statistics(statistics);
}
