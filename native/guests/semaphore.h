// A counting semaphore that tells when a signal ended the wait.
#ifndef SESHA_GUESTS_SEMAPHORE_H_
#define SESHA_GUESTS_SEMAPHORE_H_

#include <atomic>
#include <cstdint>

namespace sesha::guests {

/// Nanoseconds of CLOCK_MONOTONIC; kForever is no deadline.
using Deadline = int64_t;
inline constexpr Deadline kForever = -1;
Deadline monotonic_now();

/// **Guarantees:** post() happens before the return of the wait() that consumes it; a post is never
/// lost; post() may be called in a signal handler; the waiter may destroy the semaphore as soon as
/// wait() returned, even though the poster is still inside post() (all it does by then is a futex
/// wake-up of the address, which is harmless).
/// **This code assumes:** that signal handlers are installed without SA_RESTART, as Python's are;
/// else the kernel restarts the wait and kInterrupted is never seen.
///
/// Built on futex(2) since sem_clockwait needs glibc 2.30.
class Semaphore {
 public:
  enum class Outcome { kAcquired, kTimeout, kInterrupted };

  void post();
  Outcome wait(Deadline deadline);
  /// Like wait(), but kInterrupted after a fifth of a second at the latest: a signal whose handler
  /// ran just before the wait began interrupts nothing, and its Python handler would not be run.
  Outcome wait_attentively(Deadline deadline);

 private:
  std::atomic<uint32_t> value_{0};
};

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_SEMAPHORE_H_
