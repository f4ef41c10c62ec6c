// Device memory: guarded host memory, and what to say of an address that is not in it.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <deque>
#include "internal.h"

namespace emu {
namespace {
constexpr size_t kAlign = 256;
// Never destroyed: threads may outlive main().
auto& live = *new std::map<char*, Allocation>;  // by data address
auto& freed = *new std::deque<Allocation>;
auto& bytes_on = *new std::map<int, size_t>;  // by device
size_t freed_bytes = 0;

void check_guards(const Allocation& a, bool whole) {
  const char* from = whole ? a.front() : std::max(a.front(), a.data - 64);
  const char* bad = find_change(from, a.data, kGuard);
  if (bad) emu_fail("out-of-bounds write: %zu bytes before the start of an allocation of %zu bytes", size_t(a.data - bad), a.bytes);
  bad = find_change(a.end(), a.back(), kGuard);
  if (bad) emu_fail("out-of-bounds write: %zu bytes past the end of an allocation of %zu bytes", size_t(bad - a.end()), a.bytes);
}

struct sigaction old_actions[65];
void on_signal(int sig, siginfo_t* info, void*) {
  static volatile sig_atomic_t busy = 0;
  if (busy++) _exit(134);  // a fault while reporting a fault
  char text[256];
  describe_address((char*)info->si_addr, text, sizeof text);
  if (kernel_name && sig == SIGILL) emu_fail("trap: index outside a fixed-size array, or misaligned access");
  if (kernel_name && sig == SIGFPE) emu_fail("trap: integer division by zero");
  if (kernel_name) emu_fail("illegal address %p: %s", info->si_addr, text);
  if (sig == SIGSEGV && strncmp(text, "not", 3) != 0) emu_fail("host code touched illegal address %p: %s", info->si_addr, text);
  busy = 0;
  sigaction(sig, &old_actions[sig], nullptr);  // not ours: fault again under the previous handler
}
}  // namespace

// Fills with a 16-bit pattern that starts at even addresses.
void fill16(char* from, char* to, uint16_t pattern) {
  auto byte = [&](char* p) { *p = char(uintptr_t(p) & 1 ? pattern >> 8 : pattern); };
  if (from < to && uintptr_t(from) & 1) byte(from++);
  if (from < to && uintptr_t(to) & 1) byte(--to);
  std::fill((uint16_t*)from, (uint16_t*)to, pattern);
}
const char* find_change(const char* from, const char* to, uint16_t pattern) {
  const uint64_t wide = pattern * 0x0001000100010001u;
  for (const char* p = from; p < to; p++) {
    // Every launch looks at the guards of every allocation, so eight bytes at a time.
    for (uint64_t v; !(uintptr_t(p) & 7) && p + 8 <= to && (memcpy(&v, p, 8), v == wide);) p += 8;
    if (p < to && *p != char(uintptr_t(p) & 1 ? pattern >> 8 : pattern)) return p;
  }
  return nullptr;
}

Allocation* find_live(const void* p) {
  auto it = live.upper_bound((char*)p);
  if (it == live.begin()) return nullptr;
  Allocation& a = std::prev(it)->second;
  return (char*)p < a.end() || p == a.data ? &a : nullptr;
}

size_t live_bytes(int device) { return bytes_on[device]; }

char* allocate(size_t bytes, int device) {
  if (bytes > kMemory - bytes_on[device]) return nullptr;
  Allocation a;
  size_t used = std::max((bytes + kAlign - 1) / kAlign * kAlign, kAlign), pages = (used + kPage - 1) / kPage * kPage;
  a.map_bytes = pages + 2 * kPage, a.bytes = bytes, a.device = device;
  a.map = (char*)mmap(nullptr, a.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (a.map == MAP_FAILED) return nullptr;
  if (mprotect(a.front(), pages, PROT_READ | PROT_WRITE)) return munmap(a.map, a.map_bytes), nullptr;
  a.data = a.back() - used;
  fill16(a.front(), a.data, kGuard);
  fill16(a.data, a.end(), kPoison);
  fill16(a.end(), a.back(), kGuard);
  live[a.data] = a, bytes_on[device] += bytes, count(Counter::kMalloc);
  return a.data;
}

void release(char* p, Stream* s, const char* what) {
  auto it = live.find(p);
  if (it == live.end()) emu_fail("%s: %p is not the start of a live allocation", what, (void*)p);
  if (s) access(it->second, true, *s, what);
  Allocation a = it->second;
  check_guards(a, true);
  live.erase(it), bytes_on[a.device] -= a.bytes, count(Counter::kFree);
  // The kernel frees the pages, and any later access faults.
  mmap(a.map, a.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  freed.push_back(a), freed_bytes += a.map_bytes;
  while (freed.size() > 1024 || freed_bytes > (size_t(4) << 30)) {
    freed_bytes -= freed.front().map_bytes;
    munmap(freed.front().map, freed.front().map_bytes), freed.pop_front();
  }
}

void check_all_guards() {
  for (auto& [data, a] : live) check_guards(a, false);
}

void describe_address(char* p, char* text, size_t size) {
  for (auto& [data, a] : live)
    if (p >= a.map && p < a.map + a.map_bytes) {
      if (p >= a.end()) snprintf(text, size, "%zu bytes past the end of an allocation of %zu bytes", size_t(p - a.end()), a.bytes);
      else if (p < data) snprintf(text, size, "%zu bytes before the start of an allocation of %zu bytes", size_t(data - p), a.bytes);
      else snprintf(text, size, "inside an allocation of %zu bytes (misaligned vector access?)", a.bytes);
      return;
    }
  for (auto& a : freed)
    if (p >= a.map && p < a.map + a.map_bytes) return (void)snprintf(text, size, "in an allocation of %zu bytes that was freed", a.bytes);
  snprintf(text, size, "not in device memory (a host pointer, a wild index, or the end of a stack)");
}

Allocation* check_range(const void* p, size_t bytes, const char* what) {
  Allocation* a = find_live(p);
  if (!bytes) return a;
  if (a && bytes <= size_t(a->end() - (char*)p)) return a;
  char text[256];
  describe_address((char*)p, text, sizeof text);
  if (!a) emu_fail("%s: %zu bytes at %p are not in one live allocation: %s", what, bytes, p, text);
  emu_fail("%s: %zu bytes at offset %zu of an allocation of %zu bytes", what, bytes, size_t((char*)p - a->data), a->bytes);
}

void catch_signals() {
  for (int sig : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
    struct sigaction action = {};
    action.sa_sigaction = on_signal, action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(sig, &action, &old_actions[sig]);
  }
}

// Faults are reported on a stack of their own: the one that the Rust runtime
// provides is too small for that.
void ensure_signal_stack() {
  struct Stack {
    void* memory = nullptr;
    ~Stack() {
      if (!memory) return;
      stack_t s = {};
      s.ss_flags = SS_DISABLE, sigaltstack(&s, nullptr), free(memory);
    }
  };
  thread_local Stack stack;
  if (stack.memory) return;
  stack_t s = {};
  s.ss_size = 128 << 10, s.ss_sp = stack.memory = malloc(s.ss_size);
  sigaltstack(&s, nullptr);
}

}  // namespace emu
