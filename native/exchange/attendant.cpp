#include "exchange/attendant.h"

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>

#include "guests/registry.h"
#include "guests/service_thread.h"

namespace sesha::exchange {
namespace {

constexpr timespec kPause = {0, 20'000'000};

/// On the heap and never freed, since the attendant outlives static destructors.
struct State {
  std::atomic<sesha_interpreter*> listed{nullptr};  // a stack, linked by ReleaseQueue::next_listed
  std::atomic<bool> armed{false};
  std::atomic<bool> started{false};
  sem_t wake;
  std::mutex mutex;
  std::condition_variable left;
  sesha_interpreter* inside = nullptr;  // guarded by `mutex`

  State() { sem_init(&wake, 0, 0); }
};

State& state = *new State;
thread_local bool is_attendant = false;

void attend_to(sesha_interpreter* origin) {
  {
    std::scoped_lock lock(state.mutex);
    if (!origin->releases.has_entries()) return;
    state.inside = origin;
  }
  const sesha_binding* binding = sesha_interpreter_binding(origin);
  if (binding != nullptr && binding->drain != nullptr) binding->drain(origin);
  {
    std::scoped_lock lock(state.mutex);
    state.inside = nullptr;
  }
  state.left.notify_all();
}

void run() {
  is_attendant = true;
  for (;;) {
    while (sem_wait(&state.wake) != 0) {
    }
    nanosleep(&kPause, nullptr);
    // First disarmed, then read: what is listed after the read arms the timer again.
    state.armed.store(false);
    sesha_interpreter* origin = state.listed.exchange(nullptr);
    while (origin != nullptr) {
      // Its next attend() may link it anew, so the link is read before the mark is cleared.
      sesha_interpreter* next = origin->releases.next_listed;
      origin->releases.listed.store(false);
      attend_to(origin);
      origin = next;
    }
  }
}

void start() {
  if (guests::start_service_thread("sesha-attendant", run)) return;
  // Without the thread releases wait for the next call, and the next attend() tries again.
  state.started.store(false);
  state.armed.store(false);
}

void before_fork() { state.mutex.lock(); }

void after_fork_in_parent() { state.mutex.unlock(); }

void after_fork_in_child() {
  state.mutex.unlock();
  new (&state.left) std::condition_variable;  // its waiters are threads of the parent
  sem_init(&state.wake, 0, 0);
  state.inside = nullptr;
  state.started.store(false);
  state.armed.store(false);
  for (sesha_interpreter* origin = state.listed.exchange(nullptr); origin != nullptr;) {
    sesha_interpreter* next = origin->releases.next_listed;
    origin->releases.listed.store(false);
    origin = next;
  }
}

__attribute__((constructor)) void handle_fork() {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace

void attend(sesha_interpreter* origin) {
  ReleaseQueue& queue = origin->releases;
  if (queue.listed.load() || queue.listed.exchange(true)) return;
  sesha_interpreter* first = state.listed.load();
  do {
    queue.next_listed = first;
  } while (!state.listed.compare_exchange_weak(first, origin));
  if (state.armed.load() || state.armed.exchange(true)) return;
  if (!state.started.exchange(true)) start();
  sem_post(&state.wake);
}

void wait_until_unattended(sesha_interpreter* origin) {
  if (is_attendant) return;
  std::unique_lock lock(state.mutex);
  state.left.wait(lock, [origin] { return state.inside != origin; });
}

}  // namespace sesha::exchange
