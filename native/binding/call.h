// The serving side of a call.
#ifndef SESHA_BINDING_CALL_H_
#define SESHA_BINDING_CALL_H_

#include "exchange/message.h"
#include "sesha.h"

namespace sesha::binding {

/// Serves `request` in this interpreter, whose GIL the caller holds: runs queued releases, decodes,
/// calls, encodes what comes back or is raised (an error in decoding or encoding is a reply too).
/// Takes over `request` in every case. SESHA_MEMORY, with `*reply` null, only when there is no
/// memory for a reply.
sesha_status serve_call(sesha_message* request, sesha_message** reply);

/// Runs the releases queued for this interpreter. Needs its GIL; keeps the exception that is set,
/// if any.
void run_releases();

}  // namespace sesha::binding

#endif  // SESHA_BINDING_CALL_H_
