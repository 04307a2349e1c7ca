// Threads of the library's own, which live as long as the process.
#ifndef SESHA_GUESTS_SERVICE_THREAD_H_
#define SESHA_GUESTS_SERVICE_THREAD_H_

#include <semaphore.h>

namespace sesha::guests {

/// Starts a thread that nobody joins and that gets no signals: those are for the program's own
/// threads. `name` has at most 15 characters. False when the system refuses another thread.
bool start_service_thread(const char* name, void (*function)());

/// A semaphore at zero that is never destroyed: such threads outlive static destructors.
sem_t* new_lasting_semaphore();

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_SERVICE_THREAD_H_
