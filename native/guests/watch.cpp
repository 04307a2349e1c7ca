#include "guests/watch.h"

#include <semaphore.h>
#include <time.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "guests/service_thread.h"

namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::mutex mutex;
sesha_watched* first = nullptr;
/// When the thread will look next; guarded by the mutex.
int64_t next_look = -1;
std::atomic<bool> signalled{false};
std::atomic<void (*)()> signal_function{nullptr};
std::atomic<uint64_t> serials{0};

// Made before a signal handler needs it.
sem_t* const wake = sesha::guests::new_lasting_semaphore();

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

void sleep_until(int64_t deadline) {
  if (deadline < 0) {
    sem_wait(wake);
    return;
  }
  const timespec time{deadline / kSecond, deadline % kSecond};
  sem_clockwait(wake, CLOCK_MONOTONIC, &time);
}

/// What is due is copied, for an interrupt waits for a GIL and the lock must not be held meanwhile.
std::vector<sesha_watched> take_due() {
  std::scoped_lock lock(mutex);
  const int64_t time = now();
  std::vector<sesha_watched> due;
  next_look = -1;
  for (sesha_watched* call = first; call != nullptr; call = call->next) {
    if (call->deadline < 0) continue;
    if (call->deadline <= time) {
      due.push_back(*call);
      call->deadline = time + kSecond;
    }
    if (next_look < 0 || call->deadline < next_look) next_look = call->deadline;
  }
  return due;
}

void keep_watch() {
  while (true) {
    for (const sesha_watched& call : take_due()) {
      sesha_interpreter_binding(call.interpreter)
          ->interrupt(call.interpreter, call.thread, call.serial, 1);
    }
    if (signalled.exchange(false)) {
      if (auto function = signal_function.load()) function();
    }
    int64_t until = 0;
    {
      std::scoped_lock lock(mutex);
      until = next_look;
    }
    sleep_until(until);
  }
}

void start_thread() {
  static std::once_flag once;
  std::call_once(once, [] { sesha::guests::start_service_thread("sesha-watch", keep_watch); });
}

}  // namespace

extern "C" uint64_t sesha_next_serial(void) { return ++serials; }

extern "C" void sesha_watch_begin(sesha_watched* call) {
  start_thread();
  bool earlier = false;
  {
    std::scoped_lock lock(mutex);
    call->previous = nullptr;
    call->next = first;
    if (first != nullptr) first->previous = call;
    first = call;
    earlier = call->deadline >= 0 && (next_look < 0 || call->deadline < next_look);
    if (earlier) next_look = call->deadline;
  }
  if (earlier) sem_post(wake);
}

extern "C" void sesha_watch_end(sesha_watched* call) {
  std::scoped_lock lock(mutex);
  (call->previous != nullptr ? call->previous->next : first) = call->next;
  if (call->next != nullptr) call->next->previous = call->previous;
}

extern "C" void sesha_watch_signal(void) {
  signalled = true;
  sem_post(wake);
}

extern "C" void sesha_watch_set_signal_function(void (*function)(void)) {
  signal_function = function;
  start_thread();
}
