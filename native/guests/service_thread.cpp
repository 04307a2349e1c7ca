#include "guests/service_thread.h"

#include <pthread.h>
#include <signal.h>

namespace sesha::guests {

bool start_service_thread(const char* name, void (*function)()) {
  // A thread starts with the mask of the one that makes it.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto run = [](void* argument) -> void* {
    reinterpret_cast<void (*)()>(argument)();
    return nullptr;
  };
  pthread_t thread;
  const bool started =
      pthread_create(&thread, nullptr, run, reinterpret_cast<void*>(function)) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!started) return false;
  pthread_setname_np(thread, name);
  pthread_detach(thread);
  return true;
}

sem_t* new_lasting_semaphore() {
  auto* made = new sem_t;
  sem_init(made, 0, 0);
  return made;
}

}  // namespace sesha::guests
