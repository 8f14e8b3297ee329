// A training step of decoders with one hidden layer on a minibatch; see core/probes/fused.py.
//
// Examples are the columns of what is computed, PANEL of them at a time: what the hidden layer
// gives for a few panels stays in the cache until its gradient is there. The gradients of the
// weights are products over all examples, for some hidden units at a time, so that they do not
// depend on how many threads there are.

#include "../products.h"

namespace {

constexpr size_t SMALL = 100'000;  // numbers whose step of Adam takes less time than a thread
constexpr size_t GROUP = 4;        // panels of examples that read the weights together
constexpr size_t UNITS = 48;       // hidden units that read the inputs together

// Weights [out, in] and biases [out] of a layer, or their gradients.
template <class Number>
struct Layer {
    Number *weight, *bias;
};

// What is given for a minibatch. rows: examples. Masks and offset may be null.
struct Minibatch {
    size_t rows, dim, width, symbols;
    const float *states, *input_mask, *hidden_mask;
    const long long* truth;  // -1: the example has none and counts nothing
    const float* offset;
    float keep;
};

// A decoder, its gradients, and what lies in the workspace: the hidden layer and its gradient, each
// [examples / PANEL, width, PANEL], the inputs [dim / PANEL, examples, PANEL] and the gradient of
// the logits [symbols / PANEL, examples, PANEL]. Examples fill whole panels; those behind the
// minibatch's rows count nothing.
struct Step {
    const Minibatch& of;
    Layer<const float> hidden_layer, readout;
    Layer<float> of_hidden_layer, of_readout;
    size_t examples;
    float *hidden, *of_hidden, *inputs, *of_logits;
    float* own;  // room of each thread, for the columns and logits of a group
    float* transposed;  // the readout's weights, [width, symbols]
    float example_weight;  // in the mean

    Step(const Minibatch& of, Layer<const float> hidden_layer, Layer<const float> readout,
         Layer<float> of_hidden_layer, Layer<float> of_readout, size_t counted, float* workspace)
        : of(of), hidden_layer(hidden_layer), readout(readout), of_hidden_layer(of_hidden_layer),
          of_readout(of_readout), examples(padded(of.rows)),
          example_weight(1.0f / std::max<size_t>(counted, 1)) {
        hidden = workspace;
        of_hidden = hidden + examples * of.width;
        inputs = of_hidden + examples * of.width;
        of_logits = inputs + examples * padded(of.dim);
        transposed = of_logits + examples * padded(of.symbols);
        own = transposed + of.width * of.symbols;
        for (size_t i = 0; i < of.symbols; ++i)
            for (size_t j = 0; j < of.width; ++j)
                transposed[j * of.symbols + i] = readout.weight[i * of.width + j];
    }

    // The states of one panel: as they are to `inputs`, and as columns [dim, PANEL].
    void take_inputs(size_t first, float* columns) const {
        const size_t count = std::min(PANEL, of.rows - first);
        for (size_t part = 0; part < of.dim; part += PANEL) {
            const size_t width = std::min(PANEL, of.dim - part);
            float* rows = inputs + part * examples + first * PANEL;
            for (size_t j = 0; j < count; ++j) {
                const size_t at = (first + j) * of.dim + part;
                std::copy_n(of.states + at, width, rows + j * PANEL);
                if (of.input_mask)
                    for (size_t k = 0; k < width; ++k) rows[j * PANEL + k] *= of.input_mask[at + k];
            }
            std::fill(rows + count * PANEL, rows + PANEL * PANEL, 0.0f);
            for (size_t k = 0; k < width; ++k)
                for (size_t j = 0; j < PANEL; ++j)
                    columns[(part + k) * PANEL + j] = rows[j * PANEL + k];
        }
    }

    // logits [symbols, PANEL] become the gradient of the mean cross-entropy, here and in
    // `of_logits`.
    void softmax_back(size_t first, float* logits) const {
        const size_t count = std::min(PANEL, of.rows - first);
        const float weight = example_weight;
        if (of.offset)
            for (size_t j = 0; j < count; ++j)
                for (size_t i = 0; i < of.symbols; ++i)
                    logits[i * PANEL + j] += of.offset[(first + j) * of.symbols + i];
        float most[PANEL], sum[PANEL] = {};
        std::copy_n(logits, PANEL, most);
        for (size_t i = 1; i < of.symbols; ++i)
            for (size_t j = 0; j < PANEL; ++j) most[j] = std::max(most[j], logits[i * PANEL + j]);
        for (size_t i = 0; i < of.symbols; ++i)
            for (size_t j = 0; j < PANEL; ++j) {
                float& value = logits[i * PANEL + j];
                sum[j] += value = exponential(value - most[j]);
            }
        for (size_t j = 0; j < PANEL; ++j)
            sum[j] = j < count && of.truth[first + j] >= 0 ? weight / sum[j] : 0.0f;
        for (size_t i = 0; i < of.symbols; ++i)
            for (size_t j = 0; j < PANEL; ++j) logits[i * PANEL + j] *= sum[j];
        for (size_t j = 0; j < count; ++j)
            if (of.truth[first + j] >= 0) logits[of.truth[first + j] * PANEL + j] -= weight;
        for (size_t i = 0; i < of.symbols; ++i)
            for (size_t j = 0; j < PANEL; ++j)
                of_logits[(i / PANEL * examples + first + j) * PANEL + i % PANEL] =
                    logits[i * PANEL + j];
    }

    // The hidden layer and its gradient for some panels.
    void forth_and_back(size_t group, size_t thread) const {
        const size_t size = of.width * PANEL, panel = group * GROUP;
        const size_t count = std::min(GROUP, examples / PANEL - panel);
        float* columns = own + thread * GROUP * PANEL * (of.dim + of.symbols);
        float* logits = columns + GROUP * PANEL * of.dim;
        float *units = hidden + panel * size, *of_units = of_hidden + panel * size;
        for (size_t g = 0; g < count; ++g)
            take_inputs((panel + g) * PANEL, &columns[g * of.dim * PANEL]);
        times_panels(by_rows(hidden_layer.weight, of.dim), of.width, columns, count,
                     hidden_layer.bias, units);
        if (of.hidden_mask)
            for (size_t i = 0; i < count * size; ++i) units[i] *= of.hidden_mask[panel * size + i];
        for (size_t i = 0; i < count * size; ++i) units[i] = std::max(units[i], 0.0f);
        times_panels(by_rows(readout.weight, of.width), of.symbols, units, count, readout.bias,
                     logits);
        for (size_t g = 0; g < count; ++g)
            softmax_back((panel + g) * PANEL, &logits[g * of.symbols * PANEL]);
        times_panels(by_rows(transposed, of.symbols), of.width, logits, count,
                     nullptr, of_units);
        // A unit passes no gradient where it was dropped or negative: there it is zero.
        const float scale = 1 / of.keep;
        for (size_t i = 0; i < count * size; ++i)
            of_units[i] = units[i] > 0 ? of_units[i] * scale : 0.0f;
    }

    // The gradients of all that some hidden units have.
    void of_weights(size_t group) const {
        const Left units{hidden, examples, PANEL, of.width * PANEL};
        const Left of_units{of_hidden, examples, PANEL, of.width * PANEL};
        const size_t from = group * UNITS, to = std::min(from + UNITS, of.width);
        float sums[UNITS * PANEL];
        for (size_t j = 0; j < of.dim; j += PANEL) {
            times_panel(of_units, from, to, inputs + j * examples, nullptr, sums, PANEL);
            for (size_t i = from; i < to; ++i)
                std::copy_n(&sums[(i - from) * PANEL], std::min(PANEL, of.dim - j),
                            of_hidden_layer.weight + i * of.dim + j);
        }
        for (size_t j = 0; j < of.symbols; j += PANEL) {
            times_panel(units, from, to, of_logits + j * examples, nullptr, sums, PANEL);
            for (size_t symbol = j; symbol < std::min(j + PANEL, of.symbols); ++symbol)
                for (size_t i = from; i < to; ++i)
                    of_readout.weight[symbol * of.width + i] =
                        sums[(i - from) * PANEL + symbol - j];
        }
        std::fill_n(sums, UNITS * PANEL, 0.0f);
        for (size_t panel = 0; panel < examples / PANEL; ++panel)
            for (size_t i = 0; i < (to - from) * PANEL; ++i)
                sums[i] += of_hidden[(panel * of.width + from) * PANEL + i];
        for (size_t i = from; i < to; ++i)
            of_hidden_layer.bias[i] =
                std::accumulate(&sums[(i - from) * PANEL], &sums[(i - from + 1) * PANEL], 0.0f);
    }

    void of_readout_bias() const {
        for (size_t i = 0; i < of.symbols; ++i) {
            const float* column = of_logits + i / PANEL * examples * PANEL + i % PANEL;
            of_readout.bias[i] = 0;
            for (size_t row = 0; row < of.rows; ++row) of_readout.bias[i] += column[row * PANEL];
        }
    }
};

size_t groups(size_t all, size_t size) { return (all + size - 1) / size; }

}  // namespace

// How many examples there are in a panel.
extern "C" size_t decoder_panel() { return PANEL; }

// How many numbers `workspace` of the function below holds.
extern "C" size_t decoder_work(size_t threads, size_t rows, size_t dim, size_t width,
                               size_t symbols) {
    return padded(rows) * (2 * width + padded(dim) + padded(symbols)) + width * symbols +
           threads * GROUP * PANEL * (dim + symbols);
}

// states [rows, dim]; truth [rows]; offset [rows, symbols]; masks [rows, dim] and [panels, width,
// PANEL], of 0 and 1 / keep; weight, bias [width, dim], [width] and [symbols, width], [symbols],
// and their gradients. offset and masks may be null. Returns 0 if a truth is no symbol, else 1.
extern "C" int decoder_gradient(size_t threads, size_t rows, size_t dim, size_t width,
                                size_t symbols, float keep, const float* states,
                                const float* input_mask, const float* hidden_mask,
                                const long long* truth, const float* offset,
                                const float* weight_1, const float* bias_1, const float* weight_2,
                                const float* bias_2, float* of_weight_1, float* of_bias_1,
                                float* of_weight_2, float* of_bias_2, float* workspace) {
    size_t counted = 0;
    for (size_t row = 0; row < rows; ++row) {
        if (truth[row] >= static_cast<long long>(symbols)) return 0;
        counted += truth[row] >= 0;
    }
    const Minibatch of{rows,        dim,   width,  symbols, states, input_mask,
                       hidden_mask, truth, offset, keep};
    const Step step(of, {weight_1, bias_1}, {weight_2, bias_2}, {of_weight_1, of_bias_1},
                    {of_weight_2, of_bias_2}, counted, workspace);
    share_twice(
        threads, groups(padded(rows) / PANEL, GROUP),
        [&](size_t group, size_t thread) { step.forth_and_back(group, thread); },
        groups(width, UNITS), [&](size_t group) { step.of_weights(group); });
    step.of_readout_bias();
    return 1;
}

// A step of Adam (Kingma & Ba 2015) as torch takes it. mean, square: the moving averages of the
// gradients and of their squares, whose first values weigh 1 - correction_1 and 1 - correction_2.
extern "C" void adam(size_t threads, size_t count, float rate, float beta_1, float beta_2,
                     float epsilon, float correction_1, float correction_2,
                     float* __restrict values, const float* __restrict gradients,
                     float* __restrict mean, float* __restrict square) {
    const float step = rate / correction_1, scale = 1 / std::sqrt(correction_2);
    share(count < SMALL ? 1 : threads, count, [=](size_t from, size_t to) {
        for (size_t i = from; i < to; ++i) {
            mean[i] += (1 - beta_1) * (gradients[i] - mean[i]);
            square[i] += (1 - beta_2) * (gradients[i] * gradients[i] - square[i]);
            values[i] -= step * mean[i] / (std::sqrt(square[i]) * scale + epsilon);
        }
    });
}
