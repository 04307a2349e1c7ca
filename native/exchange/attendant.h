// The attendant: a native thread that runs the releases of interpreters that nobody enters.
//
// **Guarantees:** started when something is first queued, in each process (a forked child starts
// its own); wakes at most 50 times a second, and not at all while nothing is queued; blocks every
// signal; is never joined.
//
// **This code assumes:** a binding's `drain` takes and gives back its interpreter's GIL. In a
// forked child the GIL of an interpreter that another thread held at the fork is never free: the
// attendant may then wait for ever, and releases are left to the calls of the forking thread.
#ifndef SESHA_EXCHANGE_ATTENDANT_H_
#define SESHA_EXCHANGE_ATTENDANT_H_

#include "sesha.h"

namespace sesha::exchange {

/// Has the queue of `origin` looked at within about 20 ms. Any thread; never blocks on a GIL.
void attend(sesha_interpreter* origin);

/// Returns when the attendant is not inside `origin`, whose queue is closed. At once if the
/// attendant itself asks.
void wait_until_unattended(sesha_interpreter* origin);

}  // namespace sesha::exchange

#endif  // SESHA_EXCHANGE_ATTENDANT_H_
