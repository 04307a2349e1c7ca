#include "guests/semaphore.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace sesha::guests {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

constexpr Deadline kLongestInattention = kNanosecondsPerSecond / 5;

}  // namespace

Deadline monotonic_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNanosecondsPerSecond + now.tv_nsec;
}

void Semaphore::post() {
  const int saved = errno;
  value_.fetch_add(1, std::memory_order_release);
  syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  errno = saved;
}

Semaphore::Outcome Semaphore::wait(Deadline deadline) {
  for (;;) {
    uint32_t value = value_.load(std::memory_order_relaxed);
    while (value > 0) {
      if (value_.compare_exchange_weak(value, value - 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return Outcome::kAcquired;
      }
    }
    timespec until;
    if (deadline >= 0) {
      until.tv_sec = deadline / kNanosecondsPerSecond;
      until.tv_nsec = deadline % kNanosecondsPerSecond;
    }
    // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, FUTEX_WAIT a relative one.
    const long result = syscall(SYS_futex, &value_, FUTEX_WAIT_BITSET_PRIVATE, 0,
                                deadline >= 0 ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result == -1 && errno == EINTR) return Outcome::kInterrupted;
    if (result == -1 && errno == ETIMEDOUT) return Outcome::kTimeout;
  }
}

Semaphore::Outcome Semaphore::wait_attentively(Deadline deadline) {
  const Deadline look = monotonic_now() + kLongestInattention;
  if (deadline >= 0 && deadline <= look) return wait(deadline);
  const Outcome outcome = wait(look);
  return outcome == Outcome::kTimeout ? Outcome::kInterrupted : outcome;
}

}  // namespace sesha::guests
