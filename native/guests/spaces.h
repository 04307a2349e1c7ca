// The images of each guest.
#ifndef SESHA_GUESTS_SPACES_H_
#define SESHA_GUESTS_SPACES_H_

#include "images/loader.h"
#include "sesha.h"

namespace sesha::guests {

/// Null for the host. Thread-safe.
images::Space* space_of(const sesha_interpreter* interpreter);

}  // namespace sesha::guests

#endif  // SESHA_GUESTS_SPACES_H_
