#include "images/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "images/object.h"

namespace sesha::images {
namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;
#endif

/// Whether code in the file can be run: a noexec mount and some security policies refuse only this
/// mapping.
bool can_execute(int descriptor) {
  const long page = sysconf(_SC_PAGESIZE);
  if (ftruncate(descriptor, page) != 0) return false;
  void* memory =
      mmap(nullptr, static_cast<size_t>(page), PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED) return false;
  munmap(memory, static_cast<size_t>(page));
  return true;
}

int open_memory_file(const std::string& name) {
  // Kernels before 6.3 do not know MFD_EXEC and take executable for granted.
  int descriptor = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_EXEC);
  if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(name.c_str(), MFD_CLOEXEC);
  return descriptor;
}

}  // namespace

File File::create(const std::string& name) {
  std::vector<std::string> folders;
  const char* wanted = std::getenv("SESHA_IMAGE_DIR");
  std::string tried;
  if (wanted == nullptr || *wanted == '\0') {
    // memfd names are at most 249 bytes, and only for /proc/self/maps.
    int descriptor = open_memory_file(("sesha:" + name).substr(0, 200));
    if (descriptor >= 0) {
      if (can_execute(descriptor)) return File(descriptor);
      tried = std::string("memory file (") + std::strerror(errno) + ")";
      ::close(descriptor);
    } else {
      tried = std::string("memory file (") + std::strerror(errno) + ")";
    }
    for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
      const char* folder = std::getenv(variable);
      if (folder != nullptr && *folder != '\0') folders.emplace_back(folder);
    }
    for (const char* folder : {"/dev/shm", "/tmp", "/var/tmp"}) folders.emplace_back(folder);
  } else {
    folders.emplace_back(wanted);
  }
  for (const std::string& folder : folders) {
    int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
    if (descriptor >= 0) {
      if (can_execute(descriptor)) return File(descriptor);
      int cause = errno;
      ::close(descriptor);
      errno = cause;
    }
    tried += (tried.empty() ? "" : ", ") + folder + " (" + std::strerror(errno) + ")";
  }
  if (tried.find(std::strerror(EFBIG)) != std::string::npos) {
    tried += ". Raise the limit on the size of files (ulimit -f)";
  } else if (tried.find(std::strerror(EMFILE)) != std::string::npos) {
    tried += ". Raise the limit on open files (ulimit -n)";
  }
  throw Error("no place for the image of " + name +
              " that can hold executable files; tried: " + tried +
              ". Set SESHA_IMAGE_DIR to a folder on a file system with free space that is mounted "
              "without noexec");
}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

// Empty and "." components change a path's text and nothing else, so they can carry a number.
std::string File::unique_path() const {
  static std::atomic<uint64_t> counter{0};
  std::string path = "/proc/self/fd/";
  for (uint64_t number = ++counter; number != 0; number >>= 1)
    path += (number & 1) != 0 ? "./" : "/";
  return path + std::to_string(descriptor_);
}

void File::resize(uint64_t size) {
  if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
    throw Error(
        "cannot make an image of " + std::to_string(size >> 20) + " MiB: " + std::strerror(errno) +
        (errno == EFBIG
             ? ". Raise the limit on the size of files (ulimit -f)"
             : ". Free some memory or disk space, or set SESHA_IMAGE_DIR to a folder that has it"));
  }
}

void File::write(uint64_t offset, const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t done = pwrite(descriptor_, bytes, size, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      throw Error(std::string("cannot write an image: ") +
                  std::strerror(done < 0 ? errno : ENOSPC) +
                  (errno == EFBIG ? ". Raise the limit on the size of files (ulimit -f)"
                                  : ". Free some memory or disk space, or set SESHA_IMAGE_DIR to a "
                                    "folder that has it"));
    }
    bytes += done;
    offset += static_cast<uint64_t>(done);
    size -= static_cast<size_t>(done);
  }
}

void File::discard(uint64_t size) {
  // Not every file system can; then the pages stay until the image's last mapping goes.
  (void)fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  static_cast<off_t>(size));
}

}  // namespace sesha::images
