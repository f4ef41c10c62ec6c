// Devices, streams and events. Every operation completes before its call
// returns, but each is held against what the streams, events and
// synchronisations of the program promise: vector clocks say which operations
// of other streams come before it, and memory remembers who used it last. A
// use that nothing orders after another stream's is an error on a GPU, where
// the two may overlap, even though it is harmless here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <algorithm>
#include <memory>
#include <unordered_set>
#include "internal.h"

namespace emu {

thread_local Context* current_context = nullptr;

namespace {
constexpr int kMaxDevices = 16;
Context contexts[kMaxDevices];  // the primary ones
int devices = 0;
bool lenient_streams;
// Never destroyed: threads may outlive main().
auto& streams = *new std::vector<std::unique_ptr<Stream>>;  // by number; destroyed ones stay for their clocks
auto& created = *new std::unordered_set<void*>;             // handles of the program's streams
auto& events = *new std::unordered_set<void*>;
auto& host = *new Clock;  // what some thread of the host has waited for
unsigned host_threads = 0;
struct Defaults {
  Stream* legacy = nullptr;
  std::map<unsigned, Stream*> per_thread;
};
auto& defaults = *new std::map<int, Defaults>;

void join(Clock& a, const Clock& b) {
  if (a.size() < b.size()) a.resize(b.size());
  for (size_t i = 0; i < b.size(); i++) a[i] = std::max(a[i], b[i]);
}

void describe(const Stream& s, char* text, size_t size) {
  if (s.host_thread) snprintf(text, size, "the default stream of host thread %u", s.host_thread);
  else if (&s == defaults[s.device].legacy) snprintf(text, size, "the default stream");
  else snprintf(text, size, "stream %u", s.id);
}

void check_order(const Stream& s, const Access& before, const Allocation& a, const char* what, const char* verb, const char* past) {
  if (!before.what || before.stream == s.id || (before.stream < s.seen.size() && s.seen[before.stream] >= before.time)) return;
  char here[64], there[64];
  describe(s, here, sizeof here), describe(*streams[before.stream], there, sizeof there);
  emu_fail("unordered streams: %s on %s of device %d %s an allocation of %zu bytes that %s %s on %s of device %d: "
           "synchronise, or wait for an event", what, here, s.device, verb, a.bytes, before.what, past, there, streams[before.stream]->device);
}
}  // namespace

// As many devices as CUDA_EMU_DEVICES says (default 1), or those of
// CUDA_VISIBLE_DEVICES that are among them.
bool initialise_devices() {
  const char *n = getenv("CUDA_EMU_DEVICES"), *visible = getenv("CUDA_VISIBLE_DEVICES");
  int all = n && *n ? atoi(n) : 1;
  if (all < 0 || all > kMaxDevices) emu_fail("CUDA_EMU_DEVICES is %s: expected 0 to %d", n, kMaxDevices);
  devices = all;
  if (visible) {
    std::vector<long> seen;
    for (const char* p = visible; *p;) {  // the list ends at the first device that there is not
      char* end;
      long d = strtol(p, &end, 10);
      if (end == p || d < 0 || d >= all || std::count(seen.begin(), seen.end(), d)) break;
      seen.push_back(d), p = *end == ',' ? end + 1 : end;
    }
    devices = int(seen.size());
  }
  lenient_streams = env_flag("CUDA_EMU_LENIENT_STREAMS");
  for (int d = 0; d < kMaxDevices; d++) contexts[d].device = d;
  return devices > 0;
}
int device_count() { return devices; }
CUresult check_device(int device) {
  if (!devices) return CUDA_ERROR_NOT_INITIALIZED;
  return device >= 0 && device < devices ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
Context* context_of(int device) { return &contexts[device]; }

Stream* new_stream(int device, bool blocking) {
  auto s = new Stream{unsigned(streams.size()), device, blocking, 0, {}};
  streams.emplace_back(s), created.insert(s);
  return s;
}
void destroy_stream(CUstream handle) {
  if (!created.erase(handle)) emu_fail("cuStreamDestroy: %p is no live stream", (void*)handle);
}
CUresult find_stream(CUstream handle, Stream** s) {
  bool per_thread = handle == CU_STREAM_PER_THREAD, legacy = !handle || handle == CU_STREAM_LEGACY;
  if (!per_thread && !legacy) {
    if (!created.count(handle)) emu_fail("%p is no live stream", (void*)handle);
    return *s = (Stream*)handle, CUDA_SUCCESS;
  }
  if (!current_context) return CUDA_ERROR_INVALID_CONTEXT;
  thread_local unsigned host_thread = ++host_threads;
  Defaults& d = defaults[current_context->device];
  if (!d.legacy) created.erase(d.legacy = new_stream(current_context->device, true));
  if (legacy) return *s = d.legacy, CUDA_SUCCESS;
  Stream*& own = d.per_thread[host_thread];
  if (!own) created.erase(own = new_stream(current_context->device, true)), own->host_thread = host_thread;
  return *s = own, CUDA_SUCCESS;
}

Event* new_event(int device) {
  auto e = new Event{device, {}};
  return events.insert(e), e;
}
Event* find_event(CUevent handle, const char* what) {
  if (!events.count(handle)) emu_fail("%s: %p is no live event", what, (void*)handle);
  return (Event*)handle;
}
void destroy_event(CUevent handle) {
  delete find_event(handle, "cuEventDestroy");
  events.erase(handle);
}

void begin(Stream& s) {
  join(s.seen, host);
  Stream* legacy = defaults[s.device].legacy;
  if (&s == legacy) {
    for (auto& other : streams)
      if (other->blocking && other->device == s.device) join(s.seen, other->seen);
  } else if (s.blocking && legacy) {
    join(s.seen, legacy->seen);
  }
  if (s.seen.size() <= s.id) s.seen.resize(s.id + 1);
  s.seen[s.id]++;
}
// What one thread waits for counts for all: how the threads of the host tell
// each other is not seen here.
void host_waits(const Clock& seen) { join(host, seen); }
void host_waits_for_device(int device) {
  for (auto& s : streams)
    if (s->device == device) join(host, s->seen);
}
void stream_waits(Stream& s, const Clock& seen) { join(s.seen, seen); }

void access(Allocation& a, bool write, Stream& s, const char* what) {
  if (lenient_streams) return;
  const Access now{s.id, s.seen[s.id], what};
  check_order(s, a.write, a, what, write ? "writes" : "reads", "wrote");
  if (!write) {
    for (auto& r : a.reads)
      if (r.stream == s.id) return void(r = now);
    return a.reads.push_back(now);
  }
  for (auto& r : a.reads) check_order(s, r, a, what, "writes", "read");
  a.reads.clear(), a.write = now;
}

}  // namespace emu
