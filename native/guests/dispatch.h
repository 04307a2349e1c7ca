// Dispatch: which call runs on which interpreter of a pool, and when.
//
// A pool has slots: `threads` of them for each of its interpreters. Whoever holds a slot may have
// one thread at work in its interpreter. A slot is asked for by a *caller* (a thread that blocks
// until it has one and then calls the interpreter itself) or by a *task* (which is handed to the
// worker thread of the slot it gets).
//
// **Guarantees:**
// - Requests are served first come, first served: a slot that becomes free goes to the oldest
// request that
//   may run on it. A request pinned to an interpreter and one for any therefore never starve each
//   other.
// - A free slot is taken last-in first-out (warm caches), on the interpreter with the fewest busy
// slots first.
// - A request ends exactly once: granted, cancelled, timed out, or failed with a status.
// - Every function may be called by any thread, with or without a GIL: none waits for a GIL, and
// only acquire,
//   next_task and drain wait at all (call those without a GIL).
// - A task's `drop` is called without any lock of the pool, by the thread that closed, broke or
// removed.
// **This code assumes:**
// - that a slot acquired is released once, and that each slot has at most one worker thread in
// next_task;
// - that after a fork the child calls nothing here but sesha_fork_generation (a mutex may be locked
// for ever).
#ifndef SESHA_GUESTS_DISPATCH_H_
#define SESHA_GUESTS_DISPATCH_H_

#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sesha_pool sesha_pool;
typedef struct sesha_slot sesha_slot;
/// A place in the queue. References are counted: the one that acquire or submit gives belongs to
/// the caller.
typedef struct sesha_request sesha_request;

/// Called when a queued task will never run: SESHA_CLOSED (the pool was closed and pending calls
/// cancelled) or SESHA_DIED (the interpreter it was pinned to is gone, or none is left).
typedef void (*sesha_drop)(void* context, sesha_status why);

typedef enum sesha_request_state {
  SESHA_REQUEST_QUEUED = 0,
  SESHA_REQUEST_GRANTED = 1,  ///< it has a slot; a task until its worker asks for the next
  SESHA_REQUEST_FINISHED = 2,
  SESHA_REQUEST_CANCELLED = 3,  ///< by its owner, or its time ran out
  SESHA_REQUEST_FAILED = 4,
} sesha_request_state;

typedef struct sesha_pool_statistics {
  uint64_t interpreters;  ///< that calls can go to now
  uint64_t busy;          ///< slots held by a call or a session
  uint64_t idle;          ///< slots that are free
  uint64_t queued;        ///< requests that wait for a slot
  uint64_t started;       ///< requests that got a slot, ever
  uint64_t finished;      ///< of those, the ones that gave it back
  uint64_t cancelled;     ///< taken out of the queue by their owner
  uint64_t timed_out;     ///< callers whose time ran out in the queue
  uint64_t rejected;      ///< refused because the queue was full
  uint64_t failed;        ///< in the queue when the pool was closed or an interpreter died
} sesha_pool_statistics;

/// How often this process has been forked off, counting its ancestors since libsesha was loaded.
SESHA_API uint64_t sesha_fork_generation(void);

/// Now, in nanoseconds of CLOCK_MONOTONIC.
SESHA_API int64_t sesha_monotonic_now(void);

/// `queue_limit`: how many requests may wait at a time; SIZE_MAX for any number. Null when out of
/// memory.
SESHA_API sesha_pool* sesha_pool_new(size_t queue_limit);
SESHA_API void sesha_pool_retain(sesha_pool* pool);
SESHA_API void sesha_pool_release(sesha_pool* pool);

/// Adds an interpreter with `count` slots, written to `slots` (valid for the life of the pool).
/// SESHA_CLOSED when the pool is closed; a broken pool is whole again.
SESHA_API sesha_status sesha_pool_add(sesha_pool* pool, sesha_interpreter* interpreter,
                                      uint32_t count, sesha_slot** slots);
/// Takes an interpreter out: no call goes there any more, requests pinned to it fail with
/// SESHA_DIED, slots that are held vanish when released, and its workers end. Returns SESHA_CLOSED
/// when it was not there (any more).
SESHA_API sesha_status sesha_pool_remove(sesha_pool* pool, sesha_interpreter* interpreter);
/// Fails all that is queued and all that comes with SESHA_DIED, until an interpreter is added: for
/// a pool that has none left and expects none.
SESHA_API void sesha_pool_break(sesha_pool* pool);

/// Waits for a slot: of `pin`, or of any interpreter when it is null. `deadline` is in nanoseconds
/// of CLOCK_MONOTONIC, negative for none, 0 to get only what is free. On entry *place is null.
/// After SESHA_INTERRUPTED it is the place in the queue: call again with it, or give it up with
/// sesha_request_abandon. In all other cases it is null on return. SESHA_OK, SESHA_TIMEOUT,
/// SESHA_INTERRUPTED, SESHA_CLOSED, SESHA_FULL, SESHA_DIED or SESHA_MEMORY.
SESHA_API sesha_status sesha_pool_acquire(sesha_pool* pool, sesha_interpreter* pin,
                                          int64_t deadline, sesha_request** place,
                                          sesha_slot** slot);
SESHA_API void sesha_request_abandon(sesha_request* place);
SESHA_API void sesha_slot_release(sesha_slot* slot);
SESHA_API sesha_interpreter* sesha_slot_interpreter(const sesha_slot* slot);

/// Queues a task. `unbounded` lets it pass a full queue. SESHA_CLOSED, SESHA_FULL, SESHA_DIED or
/// SESHA_MEMORY mean that nothing was queued and `drop` won't be called. *task is a reference for
/// sesha_request_cancel.
SESHA_API sesha_status sesha_pool_submit(sesha_pool* pool, sesha_interpreter* pin, int unbounded,
                                         void* context, sesha_drop drop, sesha_request** task);
/// 1: the task was queued, is not any more, and will neither run nor be dropped. 0: it had left the
/// queue.
SESHA_API int sesha_request_cancel(sesha_request* task);
SESHA_API sesha_request_state sesha_request_read_state(sesha_request* task);
SESHA_API void sesha_request_release(sesha_request* task);

/// For the worker thread of `slot`: ends the task it had, if any, and waits for the next one.
/// SESHA_OK with its context, or SESHA_CLOSED: no task will come to this slot any more.
SESHA_API sesha_status sesha_slot_next_task(sesha_slot* slot, void** context);

/// Permits a short call on `interpreter` beside the slots (no waiting); it is not finalised until
/// sesha_pool_leave. SESHA_DIED when the interpreter is not in the pool.
SESHA_API sesha_status sesha_pool_visit(sesha_pool* pool, sesha_interpreter* interpreter);
SESHA_API void sesha_pool_leave(sesha_pool* pool);

/// Refuses requests from now on. What is queued still runs, or fails with SESHA_CLOSED if
/// `cancel_pending`.
SESHA_API void sesha_pool_close(sesha_pool* pool, int cancel_pending);
/// Waits until nothing is queued, no slot is held and no visitor is there. SESHA_OK, SESHA_TIMEOUT,
/// SESHA_INTERRUPTED.
SESHA_API sesha_status sesha_pool_drain(sesha_pool* pool, int64_t deadline);
SESHA_API void sesha_pool_read_statistics(sesha_pool* pool, sesha_pool_statistics* statistics);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_GUESTS_DISPATCH_H_
