// The expected loss over depths, as in cpu.rs. Sums are accumulated in a fixed order, so they are reproducible.
#include "loss.cuh"

// As in mod.rs.
constexpr uint32_t MOST_DEPTHS = 64;
constexpr double PLAIN_SHARE = 0.25;

// PriorTable in prior.rs.
struct Prior {
  double logits[MOST_DEPTHS], logarithms[MOST_DEPTHS];
};

// The probabilities of stopping and of going on, and their logarithms.
struct Hazard {
  double stops, goes_on, log_stops, log_goes_on;
};

__device__ inline Hazard hazard_of(double logit) {
  // At most 1, whatever the logit is.
  const double small = exp(-fabs(logit)), log = log1p(small);
  const double nearer = 1 / (1 + small), farther = small / (1 + small);
  const double log_nearer = -log, log_farther = -log - fabs(logit);
  if (logit < 0) return {farther, nearer, log_farther, log_nearer};
  return {nearer, farther, log_nearer, log_farther};
}

// The gradients of the loss, and sum <- sum + rows * (the expected error). For one block, whose threads take a
// row each; without a gate of its own a row has the bias alone, and a gate that is not trained has gradients 0.
template <typename T>
__device__ inline void expected_loss(uint64_t rows, uint64_t depths, uint64_t targets, double divergence,
                                     uint32_t is_trained, uint32_t has_gate, const T *outputs, const T *gate,
                                     const T *bias, const T *target, T *outputs_grad, T *gate_grad, double *sum,
                                     const Prior &prior) {
  const double per_row = 1 / double(rows), plain = is_trained ? 0 : PLAIN_SHARE / double(depths);
  double mine = 0;
  for (uint64_t row = threadIdx.x; row < rows; row += THREADS) {
    double stops[MOST_DEPTHS], goes_on[MOST_DEPTHS], costs[MOST_DEPTHS];
    double going_on = 1, log_going_on = 0;
    for (uint64_t depth = 0; depth < depths; depth++) {
      Hazard hazard = {1, 0, 0, 0};
      if (depth + 1 < depths) {
        const double of_row = has_gate ? double(gate[row * (depths - 1) + depth]) : 0;
        hazard = hazard_of(prior.logits[depth] + double(bias[depth]) + of_row);
      }
      const double probability = going_on * hazard.stops;
      const uint64_t start = (row * depths + depth) * targets;
      const double weight = (probability + plain) * 2 * per_row / double(targets);
      double squares = 0;
      for (uint64_t k = 0; k < targets; k++) {
        const double difference = double(outputs[start + k] - target[row * targets + k]);
        squares += difference * difference;
        outputs_grad[start + k] = T(weight * difference);
      }
      const double error = squares / double(targets);
      const double log_ratio = log_going_on + hazard.log_stops - prior.logarithms[depth];
      stops[depth] = hazard.stops;
      goes_on[depth] = hazard.goes_on;
      // A depth that is never the last costs nothing, however far its logarithm is.
      costs[depth] = probability == 0 ? 0 : probability * (error + divergence * log_ratio);
      mine += probability * error;
      going_on *= hazard.goes_on;
      log_going_on += hazard.log_goes_on;
    }
    double later = costs[depths - 1];
    for (uint64_t depth = depths - 1; depth-- > 0;) {
      const double grad = (goes_on[depth] * costs[depth] - stops[depth] * later) * per_row;
      gate_grad[row * (depths - 1) + depth] = is_trained ? T(grad) : T(0);
      later += costs[depth];
    }
  }
  const double all = block_sum<THREADS>(mine);
  if (threadIdx.x == 0) *sum += all;
}

#define HALTING(SUFFIX, T)                                                                                         \
  extern "C" __global__ void __launch_bounds__(THREADS) expected_loss_##SUFFIX(                                    \
      uint64_t rows, uint64_t depths, uint64_t targets, double divergence, uint32_t is_trained, uint32_t has_gate, \
      const T *outputs, const T *gate, const T *bias, const T *target, T *outputs_grad, T *gate_grad, double *sum, \
      const __grid_constant__ Prior prior) {                                                                       \
    expected_loss(rows, depths, targets, divergence, is_trained, has_gate, outputs, gate, bias, target,            \
                  outputs_grad, gate_grad, sum, prior);                                                            \
  }

HALTING(f32, float)
HALTING(f64, double)
