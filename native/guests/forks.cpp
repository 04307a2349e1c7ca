#include "guests/forks.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "guests/boundary.h"
#include "guests/registry.h"

namespace sesha::guests {
namespace {

/// Never freed, and no lock around them: in a child of fork() a lock may be held by a thread that
/// is not there.
struct Handlers {
  const sesha_interpreter* guest;
  ForkHandler prepare;
  ForkHandler parent;
  ForkHandler child;
  Handlers* earlier;
};
std::atomic<Handlers*> latest{nullptr};

thread_local const sesha_interpreter* forking = nullptr;

/// The guest whose code forks. The C library's own calls of fork(), such as forkpty's, count to the
/// thread's guest.
const sesha_interpreter* forking_guest() {
  return forking != nullptr ? forking : sesha_boundary_interpreter();
}

bool concerns(const Handlers& handlers) {
  return handlers.guest == forking_guest() && handlers.guest->alive;
}

void prepare() {
  for (const Handlers* handlers = latest; handlers != nullptr; handlers = handlers->earlier) {
    if (handlers->prepare != nullptr && concerns(*handlers)) handlers->prepare();
  }
}

/// Oldest first. Handlers are few, so recursion is no danger to the stack.
void run_after(const Handlers* handlers, ForkHandler Handlers::* which) {
  if (handlers == nullptr) return;
  run_after(handlers->earlier, which);
  if (handlers->*which != nullptr && concerns(*handlers)) (handlers->*which)();
}

void after_in_parent() { run_after(latest, &Handlers::parent); }
void after_in_child() { run_after(latest, &Handlers::child); }

}  // namespace

int add_fork_handlers(const sesha_interpreter* guest, ForkHandler before, ForkHandler parent,
                      ForkHandler child) {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(prepare, after_in_parent, after_in_child); });
  auto* handlers = new Handlers{guest, before, parent, child, latest.load()};
  while (!latest.compare_exchange_weak(handlers->earlier, handlers)) {
  }
  return 0;
}

pid_t fork_from(const sesha_interpreter* guest) {
  const sesha_interpreter* outer = forking;
  forking = guest;
  const pid_t child = fork();
  forking = outer;
  return child;
}

}  // namespace sesha::guests
