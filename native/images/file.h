// Files without a name, from which images are loaded: nothing remains when the process ends,
// however it ends.
#ifndef SESHA_IMAGES_FILE_H_
#define SESHA_IMAGES_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace sesha::images {

/// An open file without a name that may be mapped executable; closed by the destructor.
class File {
 public:
  /// A memfd; where the kernel refuses that or executing from it, an unnamed file (O_TMPFILE) in
  /// $SESHA_IMAGE_DIR, $XDG_RUNTIME_DIR, $TMPDIR, /dev/shm, /tmp or /var/tmp, the first that takes
  /// it. Throws Error.
  static File create(const std::string& name);

  File(File&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  int descriptor() const { return descriptor_; }
  /// A path that opens this file and that was never given out before: the dynamic loader takes
  /// equal names for the same library, and descriptors are used again.
  std::string unique_path() const;
  void resize(uint64_t size);
  void write(uint64_t offset, const void* data, size_t size);
  /// Gives the pages of the file back; private copies of them in mappings stay.
  void discard(uint64_t size);

 private:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace sesha::images

#endif  // SESHA_IMAGES_FILE_H_
