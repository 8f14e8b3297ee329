// The recurrences of a GRU and of an LSTM over all steps of a minibatch, and their gradients; see
// core/cells/loops.py.
//
// Arrays are float32 [time, batch, ...]. No sequence of a minibatch reads another's state, so each
// thread takes some of them through all steps and never waits for the others.

#include "../products.h"

namespace {

inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
inline float hyperbolic(float x) { return 2 * sigmoid(2 * x) - 1; }  // tanh

// One step of a GRU on one sequence, from what its inputs and its state before give the gates.
void gru_step(size_t size, const float* __restrict given, const float* __restrict own,
              const float* __restrict bias, const float* __restrict before, float* __restrict r,
              float* __restrict z, float* __restrict n, float* __restrict recalled,
              float* __restrict after) {
    for (size_t j = 0; j < size; ++j) {
        r[j] = sigmoid(given[j] + own[j]);
        z[j] = sigmoid(given[size + j] + own[size + j]);
        recalled[j] = own[2 * size + j] + bias[j];
        n[j] = hyperbolic(given[2 * size + j] + r[j] * recalled[j]);
        after[j] = n[j] + z[j] * (before[j] - n[j]);
    }
}

// The gradient of a step. That of h is the sum of three: what the loss gives (of_h), what comes
// through the next step's products (later) and through its z (beside, which then is this step's).
// of_r, of_z, of_n: of what is in σ, σ and tanh; of_recalled: of W_n h + bias.
void gru_step_back(size_t size, const float* __restrict of_h, const float* __restrict later,
                   const float* __restrict before, const float* __restrict r,
                   const float* __restrict z, const float* __restrict n,
                   const float* __restrict recalled, float* __restrict beside,
                   float* __restrict of_r, float* __restrict of_z, float* __restrict of_n,
                   float* __restrict of_recalled) {
    for (size_t j = 0; j < size; ++j) {
        const float whole = of_h[j] + later[j] + beside[j];
        of_n[j] = whole * (1 - z[j]) * (1 - n[j] * n[j]);
        of_z[j] = whole * (before[j] - n[j]) * z[j] * (1 - z[j]);
        of_r[j] = of_n[j] * recalled[j] * r[j] * (1 - r[j]);
        of_recalled[j] = of_n[j] * r[j];
        beside[j] = whole * z[j];
    }
}

// One step of an LSTM on one sequence. shape: tanh of c.
void lstm_step(size_t size, const float* __restrict given, const float* __restrict own,
               const float* __restrict before, float* __restrict i, float* __restrict f,
               float* __restrict g, float* __restrict o, float* __restrict shape,
               float* __restrict c, float* __restrict h) {
    for (size_t j = 0; j < size; ++j) {
        i[j] = sigmoid(given[j] + own[j]);
        f[j] = sigmoid(given[size + j] + own[size + j]);
        g[j] = hyperbolic(given[2 * size + j] + own[2 * size + j]);
        o[j] = sigmoid(given[3 * size + j] + own[3 * size + j]);
        c[j] = f[j] * before[j] + i[j] * g[j];
        shape[j] = hyperbolic(c[j]);
        h[j] = o[j] * shape[j];
    }
}

// The gradient of a step. That of h is what the loss gives (of_h) and what comes through the next
// step's products (later). of_c comes from the next step, and then is that of the c before.
// of_i, of_f, of_g, of_o: of what is in σ, σ, tanh and σ.
void lstm_step_back(size_t size, const float* __restrict of_h, const float* __restrict later,
                    const float* __restrict before, const float* __restrict i,
                    const float* __restrict f, const float* __restrict g,
                    const float* __restrict o, const float* __restrict shape,
                    float* __restrict of_c, float* __restrict of_i, float* __restrict of_f,
                    float* __restrict of_g, float* __restrict of_o) {
    for (size_t j = 0; j < size; ++j) {
        const float of_output = of_h[j] + later[j];
        const float of_memory = of_output * o[j] * (1 - shape[j] * shape[j]) + of_c[j];
        of_i[j] = of_memory * g[j] * i[j] * (1 - i[j]);
        of_f[j] = of_memory * before[j] * f[j] * (1 - f[j]);
        of_g[j] = of_memory * i[j] * (1 - g[j] * g[j]);
        of_o[j] = of_output * shape[j] * o[j] * (1 - o[j]);
        of_c[j] = of_memory * f[j];
    }
}

}  // namespace

// gates [steps, batch, 3 size], weight [3 size, size], bias [size]; h [steps + 1, batch, size], its
// first step given; saved [steps, batch, 4 size]: r, z, n and W_n h + bias.
extern "C" void gru_forward(size_t threads, size_t steps, size_t batch, size_t size,
                            const float* gates, const float* weight, const float* bias, float* h,
                            float* saved) {
    const Panels panels(weight, size, 3 * size, 1, size);
    share(threads, batch, [&](size_t from, size_t to) {
        std::vector<float> products((to - from) * panels.stride);
        for (size_t t = 0; t < steps; ++t) {
            product(h + (t * batch + from) * size, to - from, panels, products.data());
            for (size_t i = from; i < to; ++i) {
                const size_t row = t * batch + i;
                float* r = saved + row * 4 * size;
                gru_step(size, gates + row * 3 * size, &products[(i - from) * panels.stride], bias,
                     h + row * size, r, r + size, r + 2 * size, r + 3 * size,
                     h + (row + batch) * size);
            }
        }
    });
}

// of_h [steps, batch, size]; of_gates and of_products [steps, batch, 3 size]: the gradients of what
// the inputs and what W h_{t-1} give the gates.
extern "C" void gru_backward(size_t threads, size_t steps, size_t batch, size_t size,
                             const float* of_h, const float* weight, const float* h,
                             const float* saved, float* of_gates, float* of_products) {
    const Panels panels(weight, 3 * size, size, size, 1);
    share(threads, batch, [&](size_t from, size_t to) {
        std::vector<float> later((to - from) * panels.stride), beside((to - from) * size);
        for (size_t t = steps; t-- > 0;) {
            for (size_t i = from; i < to; ++i) {
                const size_t row = t * batch + i;
                const float* r = saved + row * 4 * size;
                float *gate = of_gates + row * 3 * size, *own = of_products + row * 3 * size;
                gru_step_back(size, of_h + row * size, &later[(i - from) * panels.stride],
                          h + row * size, r, r + size, r + 2 * size, r + 3 * size,
                          &beside[(i - from) * size], gate, gate + size, gate + 2 * size,
                          own + 2 * size);
                std::copy_n(gate, 2 * size, own);
            }
            product(of_products + (t * batch + from) * 3 * size, to - from, panels, later.data());
        }
    });
}

// gates [steps, batch, 4 size], weight [4 size, size]; h and c [steps + 1, batch, size], their first
// steps given; saved [steps, batch, 5 size]: i, f, g, o and tanh c.
extern "C" void lstm_forward(size_t threads, size_t steps, size_t batch, size_t size,
                             const float* gates, const float* weight, float* h, float* c,
                             float* saved) {
    const Panels panels(weight, size, 4 * size, 1, size);
    share(threads, batch, [&](size_t from, size_t to) {
        std::vector<float> products((to - from) * panels.stride);
        for (size_t t = 0; t < steps; ++t) {
            product(h + (t * batch + from) * size, to - from, panels, products.data());
            for (size_t i = from; i < to; ++i) {
                const size_t row = t * batch + i, after = (row + batch) * size;
                float* own = saved + row * 5 * size;
                lstm_step(size, gates + row * 4 * size, &products[(i - from) * panels.stride],
                          c + row * size, own, own + size, own + 2 * size, own + 3 * size,
                          own + 4 * size, c + after, h + after);
            }
        }
    });
}

// of_h [steps, batch, size]; of_gates [steps, batch, 4 size]: the gradient of what the inputs give
// the gates, which is that of W h_{t-1} too.
extern "C" void lstm_backward(size_t threads, size_t steps, size_t batch, size_t size,
                              const float* of_h, const float* weight, const float* c,
                              const float* saved, float* of_gates) {
    const Panels panels(weight, 4 * size, size, size, 1);
    share(threads, batch, [&](size_t from, size_t to) {
        std::vector<float> later((to - from) * panels.stride), of_c((to - from) * size);
        for (size_t t = steps; t-- > 0;) {
            for (size_t i = from; i < to; ++i) {
                const size_t row = t * batch + i;
                const float* own = saved + row * 5 * size;
                float* gate = of_gates + row * 4 * size;
                lstm_step_back(size, of_h + row * size, &later[(i - from) * panels.stride],
                               c + row * size, own, own + size, own + 2 * size, own + 3 * size,
                               own + 4 * size, &of_c[(i - from) * size], gate, gate + size,
                               gate + 2 * size, gate + 3 * size);
            }
            product(of_gates + (t * batch + from) * 4 * size, to - from, panels, later.data());
        }
    });
}
