#include "guests/child_signals.h"

#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "guests/registry.h"
#include "guests/service_thread.h"

namespace sesha::guests {
namespace {

using Function = void (*)(int, siginfo_t*, void*);

/// How long a handler that the host puts over the dispatcher can keep the signal from guests.
constexpr long kGlance = 100'000'000;  // nanoseconds

/// A guest's handler. Entries are made once for each guest and never freed: a signal may be reading
/// them.
struct Entry {
  const sesha_interpreter* owner;
  std::atomic<Function> function;
  std::atomic<int> flags;
  Entry* next;
};

std::atomic<Entry*> entries{nullptr};
/// What the process, that is the host, had before: it gets every signal too.
std::atomic<Function> hosts{nullptr};

bool is_function(Function function) {
  const auto action = reinterpret_cast<uintptr_t>(function);
  return action != reinterpret_cast<uintptr_t>(SIG_DFL) &&
         action != reinterpret_cast<uintptr_t>(SIG_IGN);
}

/// Handlers that take the number alone are called as the kernel calls them, with all three
/// arguments.
void dispatch(int signal, siginfo_t* information, void* context) {
  const int saved = errno;
  for (Entry* entry = entries.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    const Function function = entry->function;
    if (is_function(function) && entry->owner->alive) function(signal, information, context);
  }
  if (const Function function = hosts; is_function(function))
    function(signal, information, context);
  errno = saved;
}

Function function_of(const struct sigaction& action) {
  // Both members share their place.
  return action.sa_sigaction;
}

/// Puts the dispatcher in the process's place for the signal; returns whether somebody else was
/// there.
bool install() {
  struct sigaction now = {};
  sigaction(SIGCHLD, nullptr, &now);
  if (function_of(now) == dispatch) return false;
  hosts = function_of(now);
  struct sigaction ours = {};
  ours.sa_sigaction = dispatch;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ours.sa_mask = now.sa_mask;
  sigaction(SIGCHLD, &ours, nullptr);
  return true;
}

bool anyone_waits() {
  for (Entry* entry = entries.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    if (is_function(entry->function) && entry->owner->alive) return true;
  }
  return false;
}

sem_t* wake_up() {
  static sem_t* const semaphore = new_lasting_semaphore();
  return semaphore;
}

/// The host's libraries call the C library itself and know nothing of the dispatcher.
void keep_installed() {
  while (true) {
    if (!anyone_waits()) {
      sem_wait(wake_up());
      continue;
    }
    // Children may have ended meanwhile; handlers must expect a signal that stands for none or
    // several anyway.
    if (install()) kill(getpid(), SIGCHLD);
    const timespec pause{0, kGlance};
    nanosleep(&pause, nullptr);
  }
}

void start_thread() {
  static std::once_flag once;
  std::call_once(once, [] { start_service_thread("sesha-children", keep_installed); });
}

/// The guest's entry, made if `make` and it has none.
Entry* entry_of(const sesha_interpreter* guest, bool make) {
  for (Entry* entry = entries.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next) {
    if (entry->owner == guest) return entry;
  }
  if (!make) return nullptr;
  auto* entry = new Entry{guest, nullptr, 0, entries.load()};
  while (!entries.compare_exchange_weak(entry->next, entry)) {
  }
  return entry;
}

}  // namespace

int set_child_action(const sesha_interpreter* guest, const struct sigaction* action,
                     struct sigaction* old) {
  Entry* entry = entry_of(guest, action != nullptr);
  if (old != nullptr) {
    *old = {};
    if (entry != nullptr) {
      old->sa_sigaction = entry->function;
      old->sa_flags = entry->flags;
    }
  }
  if (action == nullptr) return 0;
  const Function function = function_of(*action);
  entry->flags = action->sa_flags;
  entry->function = function;
  if (is_function(function)) {
    start_thread();
    install();
    sem_post(wake_up());
  }
  return 0;
}

}  // namespace sesha::guests
