// One gradient of a decoder with one hidden layer, on a minibatch; see core/probes/fused.py.
//
// Examples are the columns of what is computed, PANEL of them at a time: what the hidden layer gives
// for a panel stays in the cache until its gradient is there. The gradients of the weights are
// products over all examples, for some hidden units in each thread, so that they do not depend on
// how many threads there are.

#include "../products.h"

namespace {

constexpr size_t SMALL = 100'000;  // numbers whose step of Adam takes less time than a thread
constexpr size_t GROUP = 4;    // panels of examples that read the weights together
constexpr size_t UNITS = 48;   // hidden units that read the inputs together

// Sizes of a decoder and its minibatch. rows: examples; padded examples count nothing.
struct Shape {
    size_t rows, dim, width, symbols;
};

// Where what both halves need lies, in `work`: the hidden layer and its gradient, each
// [examples / PANEL, width, PANEL], the inputs [dim / PANEL, examples, PANEL] and the gradient of
// the logits [symbols / PANEL, examples, PANEL].
struct Work {
    float *hidden, *of_hidden, *inputs, *of_logits;

    Work(float* work, const Shape& s) {
        const size_t examples = padded(s.rows);
        hidden = work;
        of_hidden = hidden + examples * s.width;
        inputs = of_hidden + examples * s.width;
        of_logits = inputs + examples * padded(s.dim);
    }
};

// One panel of examples: what they give the decoder, and the gradient of its logits.
struct Examples {
    const float *states, *input_mask, *offset;
    const long long* truth;  // -1: the example has none and counts nothing
    float weight;            // of each other example in the mean
};

void take_inputs(const Shape& s, const Examples& of, size_t first, float* columns, float* inputs) {
    const size_t examples = padded(s.rows), count = std::min(PANEL, s.rows - first);
    for (size_t part = 0; part < s.dim; part += PANEL) {
        const size_t width = std::min(PANEL, s.dim - part);
        float* rows = inputs + (part * examples) + first * PANEL;
        for (size_t j = 0; j < count; ++j) {
            const size_t at = (first + j) * s.dim + part;
            if (of.input_mask)
                for (size_t k = 0; k < width; ++k)
                    rows[j * PANEL + k] = of.states[at + k] * of.input_mask[at + k];
            else
                std::copy_n(of.states + at, width, rows + j * PANEL);
        }
        std::fill(rows + count * PANEL, rows + PANEL * PANEL, 0.0f);
        for (size_t k = 0; k < width; ++k)
            for (size_t j = 0; j < PANEL; ++j)
                columns[(part + k) * PANEL + j] = rows[j * PANEL + k];
    }
}

// logits [symbols, PANEL] become the gradient of the mean cross-entropy, of which copy gets another.
void softmax_back(const Shape& s, const Examples& of, size_t first, float* logits, float* copy) {
    const size_t count = std::min(PANEL, s.rows - first), examples = padded(s.rows);
    if (of.offset)
        for (size_t j = 0; j < count; ++j)
            for (size_t i = 0; i < s.symbols; ++i)
                logits[i * PANEL + j] += of.offset[(first + j) * s.symbols + i];
    float most[PANEL], sum[PANEL] = {};
    std::copy_n(logits, PANEL, most);
    for (size_t i = 1; i < s.symbols; ++i)
        for (size_t j = 0; j < PANEL; ++j) most[j] = std::max(most[j], logits[i * PANEL + j]);
    for (size_t i = 0; i < s.symbols; ++i)
        for (size_t j = 0; j < PANEL; ++j) {
            float& value = logits[i * PANEL + j];
            sum[j] += value = exponential(value - most[j]);
        }
    for (size_t j = 0; j < PANEL; ++j)
        sum[j] = j < count && of.truth[first + j] >= 0 ? of.weight / sum[j] : 0.0f;
    for (size_t i = 0; i < s.symbols; ++i)
        for (size_t j = 0; j < PANEL; ++j) logits[i * PANEL + j] *= sum[j];
    for (size_t j = 0; j < count; ++j)
        if (of.truth[first + j] >= 0) logits[of.truth[first + j] * PANEL + j] -= of.weight;
    for (size_t i = 0; i < s.symbols; ++i)
        for (size_t j = 0; j < PANEL; ++j)
            copy[(i / PANEL * examples + first + j) * PANEL + i % PANEL] = logits[i * PANEL + j];
}

}  // namespace

// How many examples there are in a panel.
extern "C" size_t decoder_panel() { return PANEL; }

// How many numbers `workspace` of the function below holds.
extern "C" size_t decoder_work(size_t rows, size_t dim, size_t width, size_t symbols) {
    return padded(rows) * (2 * width + padded(dim) + padded(symbols));
}

// states [rows, dim]; truth, weights [rows]; offset [rows, symbols]; masks [rows, dim] and [rows up
// to a whole panel, width], of 0 and 1 / keep; weight, bias [width, dim], [width] and [symbols,
// width], [symbols], and their gradients. offset and masks may be null.
extern "C" void decoder_gradient(size_t threads, size_t rows, size_t dim, size_t width,
                                 size_t symbols, float keep, const float* states,
                                 const float* input_mask, const float* hidden_mask,
                                 const long long* truth, const float* offset,
                                 const float* weight_1, const float* bias_1, const float* weight_2,
                                 const float* bias_2, float* of_weight_1, float* of_bias_1,
                                 float* of_weight_2, float* of_bias_2, float* workspace) {
    const Shape shape{rows, dim, width, symbols};
    const long long counted = std::count_if(truth, truth + rows, [](long long each) { return each >= 0; });
    const Examples of{states, input_mask, offset, truth, 1.0f / std::max(counted, 1LL)};
    const Work work(workspace, shape);
    const size_t examples = padded(rows);
    std::vector<float> transposed(width * symbols);
    for (size_t i = 0; i < symbols; ++i)
        for (size_t j = 0; j < width; ++j) transposed[j * symbols + i] = weight_2[i * width + j];

    const auto forth_and_back = [&](size_t from, size_t to) {
        std::vector<float> columns(GROUP * dim * PANEL), logits(GROUP * symbols * PANEL);
        for (size_t panel = from; panel < to; panel += GROUP) {
            const size_t count = std::min(GROUP, to - panel), size = width * PANEL;
            float *hidden = work.hidden + panel * size, *of_hidden = work.of_hidden + panel * size;
            for (size_t g = 0; g < count; ++g)
                take_inputs(shape, of, (panel + g) * PANEL, &columns[g * dim * PANEL], work.inputs);
            times_panels(by_rows(weight_1, dim), width, columns.data(), count, bias_1, hidden);
            if (hidden_mask) {
                const float* mask = hidden_mask + panel * size;
                for (size_t i = 0; i < count * size; ++i) hidden[i] = std::max(hidden[i] * mask[i], 0.0f);
            } else
                for (size_t i = 0; i < count * size; ++i) hidden[i] = std::max(hidden[i], 0.0f);
            times_panels(by_rows(weight_2, width), symbols, hidden, count, bias_2, logits.data());
            for (size_t g = 0; g < count; ++g)
                softmax_back(shape, of, (panel + g) * PANEL, &logits[g * symbols * PANEL], work.of_logits);
            times_panels(by_rows(transposed.data(), symbols), width, logits.data(), count, nullptr, of_hidden);
            // A unit passes no gradient where it was dropped or negative: there it is zero.
            const float scale = 1 / keep;
            for (size_t i = 0; i < count * size; ++i)
                of_hidden[i] = hidden[i] > 0 ? of_hidden[i] * scale : 0.0f;
        }
    };
    const auto of_weights = [&](size_t begin, size_t end) {
        const Left hidden{work.hidden, examples, PANEL, width * PANEL};
        const Left of_hidden{work.of_hidden, examples, PANEL, width * PANEL};
        float sums[UNITS * PANEL];
        for (size_t from = begin; from < end; from += UNITS) {
            const size_t to = std::min(from + UNITS, end);
            for (size_t j = 0; j < dim; j += PANEL) {
                times_panel(of_hidden, from, to, work.inputs + j * examples, nullptr, sums, PANEL);
                for (size_t i = from; i < to; ++i)
                    std::copy_n(&sums[(i - from) * PANEL], std::min(PANEL, dim - j),
                                of_weight_1 + i * dim + j);
            }
            for (size_t j = 0; j < symbols; j += PANEL) {
                times_panel(hidden, from, to, work.of_logits + j * examples, nullptr, sums, PANEL);
                for (size_t symbol = j; symbol < std::min(j + PANEL, symbols); ++symbol)
                    for (size_t i = from; i < to; ++i)
                        of_weight_2[symbol * width + i] = sums[(i - from) * PANEL + symbol - j];
            }
            std::fill_n(sums, UNITS * PANEL, 0.0f);
            for (size_t panel = 0; panel < examples / PANEL; ++panel) {
                const float* part = work.of_hidden + (panel * width + from) * PANEL;
                for (size_t i = 0; i < (to - from) * PANEL; ++i) sums[i] += part[i];
            }
            for (size_t i = from; i < to; ++i) {
                of_bias_1[i] = 0;
                for (size_t j = 0; j < PANEL; ++j) of_bias_1[i] += sums[(i - from) * PANEL + j];
            }
        }
    };
    share_twice(threads, examples / PANEL, forth_and_back, width, of_weights);
    for (size_t i = 0; i < symbols; ++i) {
        const float* column = work.of_logits + i / PANEL * examples * PANEL + i % PANEL;
        float sum = 0;
        for (size_t row = 0; row < rows; ++row) sum += column[row * PANEL];
        of_bias_2[i] = sum;
    }
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
