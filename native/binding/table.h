// What this copy of the binding offers the core about its interpreter.
#ifndef SESHA_BINDING_TABLE_H_
#define SESHA_BINDING_TABLE_H_

#include "sesha.h"

namespace sesha::binding {

const sesha_binding* binding_table();

/// Registers the host's interpreter, whose extension module this is.
/// Needs the GIL; 0, or -1 with an exception. At the host's exit it closes the door, so that nobody
/// waits for a GIL that is never given back.
int register_host();

}  // namespace sesha::binding

#endif  // SESHA_BINDING_TABLE_H_
