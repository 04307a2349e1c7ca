// Guests: complete Pythons beside the host's.
#ifndef SESHA_GUESTS_GUEST_H_
#define SESHA_GUESTS_GUEST_H_

#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Boots Python in the guest whose images are loaded: the binding's image exports one function of
/// this type under the name SESHA_BOOT. `options` is handed through from sesha_guest_start. On
/// success `*binding` is set.
typedef sesha_status (*sesha_boot)(sesha_interpreter* self, const void* options,
                                   const sesha_binding** binding);
#define SESHA_BOOT "sesha_binding_boot"

/// Starts a guest: loads images of the Python library and of the binding, boots, and registers it
/// as alive. Any number of threads may start guests at a time; the caller holds no GIL. SESHA_ERROR
/// leaves no interpreter behind, but the images that were loaded stay mapped.
SESHA_API sesha_status sesha_guest_start(const char* python_library, const char* binding,
                                         const void* options, sesha_interpreter** started);
/// Ends a guest in order (sesha_binding.finalize). Nobody may be in it or come to it. Its images
/// stay mapped.
SESHA_API sesha_status sesha_guest_stop(sesha_interpreter* interpreter);
/// The guest to whose images the address belongs; null for the host and for shared code.
SESHA_API sesha_interpreter* sesha_guest_at(const void* address);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_GUESTS_GUEST_H_
