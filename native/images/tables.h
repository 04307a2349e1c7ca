// One copy in memory of the tables that a library's image has in common with its images in other
// guests.
#ifndef SESHA_IMAGES_TABLES_H_
#define SESHA_IMAGES_TABLES_H_

#include <cstddef>

namespace sesha::images {

/// Maps [address, address + size), whole pages, read-only from the process's store of tables in
/// place of what is there, which is added to the store if nothing equal is in it yet. Thread-safe.
/// False where the store can't grow: the pages stay as they are, which costs memory. Throws Error
/// when the pages may be lost.
bool share_tables(void* address, size_t size);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_TABLES_H_
