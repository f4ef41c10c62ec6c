// Messages, and the statistics that CUDA_EMU_STATS asks for.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"

namespace emu {

std::mutex api_lock;
thread_local const char* kernel_name = nullptr;
bool in_thread = false;

namespace {
const char* const kNames[] = {"launch", "gemm", "random", "memcpy_htod", "memcpy_htod_bytes", "memcpy_dtoh", "memcpy_dtoh_bytes",
                              "memcpy_dtod", "memcpy_peer", "memset", "malloc", "free", "synchronize", "event_record", "stream_wait", "module_load"};
static_assert(sizeof kNames / sizeof *kNames == size_t(Counter::kCounters), "a name for each counter");
uint64_t counters[size_t(Counter::kCounters)];
auto& launches = *new std::map<std::string, uint64_t>;  // never destroyed: threads may outlive main()

void say(const char* format, va_list args) {
  char text[2048];
  int n = vsnprintf(text, sizeof text, format, args);
  if (kernel_name && n < int(sizeof text)) {
    n += snprintf(text + n, sizeof text - n, "\n  in kernel %s, grid (%u,%u,%u), block (%u,%u,%u)", kernel_name, gridDim.x,
                  gridDim.y, gridDim.z, blockDim.x, blockDim.y, blockDim.z);
    if (in_thread && n < int(sizeof text))
      n += snprintf(text + n, sizeof text - n, ", at blockIdx (%u,%u,%u), threadIdx (%u,%u,%u)", blockIdx.x, blockIdx.y,
                    blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
  }
  fprintf(stderr, "cuda-emulator: %s\n", text);
  fflush(stderr);
}
}  // namespace

bool env_flag(const char* name) {
  const char* v = getenv(name);
  return v && *v && strcmp(v, "0") != 0;
}

void count(Counter c, uint64_t by) { counters[size_t(c)] += by; }
void count_launch(const std::string& kernel) { count(Counter::kLaunch), launches[kernel]++; }

// One write, so that processes that end at the same time do not mix their lines.
void print_statistics() {
  LOCK;
  const char* path = getenv("CUDA_EMU_STATS");
  FILE* out = path ? fopen(path, "a") : nullptr;
  if (!out) return;
  std::string text;
  char line[64];
  auto add = [&](uint64_t n, const std::string& name) { snprintf(line, sizeof line, "%8lu ", n), text += line + name + "\n"; };
  for (size_t c = 0; c < size_t(Counter::kCounters); c++) add(counters[c], kNames[c]);
  for (auto& [name, n] : launches) add(n, name);
  setvbuf(out, nullptr, _IOFBF, text.size() + 1);
  fwrite(text.data(), 1, text.size(), out);
  fclose(out);
}

}  // namespace emu

extern "C" {
void emu_fail(const char* format, ...) {
  va_list args;
  va_start(args, format);
  emu::say(format, args);
  abort();
}
void emu_unimplemented(const char* name) { emu_fail("%s is not implemented", name); }
}
