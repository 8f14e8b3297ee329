// Products of small matrices on one thread, and rows shared among threads.
//
// Matrices are float32. Sums stay in registers from their first to their last term.

#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace {

#ifdef __AVX512F__
constexpr size_t WIDTH = 16;
#else
constexpr size_t WIDTH = 8;  // numbers in a register of AVX2, or in two of a narrower processor
#endif
typedef float Vector __attribute__((vector_size(4 * WIDTH)));
constexpr size_t PANEL = 2 * WIDTH;
constexpr size_t ROWS = 6;  // 6 x 2 sums are as many registers as AVX2 has besides the operands

inline size_t padded(size_t columns) { return (columns + PANEL - 1) / PANEL * PANEL; }

// A matrix [depth, columns] in panels of PANEL columns, the last one filled up with zeros. A
// product reads each of them from its first number to its last.
struct Panels {
    size_t depth, stride;  // stride: the columns with those that fill up
    std::vector<float> values;

    // The entry (k, j) is source[k * down + j * right].
    Panels(const float* source, size_t depth, size_t columns, size_t down, size_t right)
        : depth(depth), stride(padded(columns)), values(stride * depth) {
        float* to = values.data();
        for (size_t from = 0; from < columns; from += PANEL)
            for (size_t k = 0; k < depth; ++k, to += PANEL)
                for (size_t j = from; j < std::min(from + PANEL, columns); ++j)
                    to[j - from] = source[k * down + j * right];
    }
};

// The left matrix of a product. The entry (i, k) is values[k / PANEL * part + i * row + k % PANEL]:
// part is PANEL where it lies row by row, row is PANEL where its transpose lies in panels.
struct Left {
    const float* values;
    size_t depth, row, part;
};

inline Left by_rows(const float* values, size_t depth) { return {values, depth, depth, PANEL}; }

// out[N, PANEL] = rows of left from `from` on · one panel. first: where the sums of a row begin,
// unless at zero.
template <int N>
void block(const Left& left, size_t from, const float* panel, const float* first, float* out,
           size_t stride) {
    Vector sum[N][2] = {};
    if (first)
        for (int i = 0; i < N; ++i) sum[i][0] = sum[i][1] = sum[i][0] + first[from + i];
    const size_t row = left.row;
    for (size_t start = 0; start < left.depth; start += PANEL) {
        const float* a = left.values + start / PANEL * left.part + from * row;
        const size_t terms = std::min(PANEL, left.depth - start);
        for (size_t k = 0; k < terms; ++k, panel += PANEL) {
            Vector low, high;
            std::memcpy(&low, panel, sizeof low);
            std::memcpy(&high, panel + WIDTH, sizeof high);
            for (int i = 0; i < N; ++i) {
                sum[i][0] += a[i * row + k] * low;
                sum[i][1] += a[i * row + k] * high;
            }
        }
    }
    for (int i = 0; i < N; ++i) std::memcpy(out + i * stride, sum[i], sizeof sum[i]);
}

constexpr decltype(&block<1>) BLOCKS[ROWS] = {block<1>, block<2>, block<3>,
                                              block<4>, block<5>, block<6>};

// out[rows from..to, PANEL] = those rows of left · one panel. out: of the row `from`.
inline void times_panel(const Left& left, size_t from, size_t to, const float* panel,
                        const float* first, float* out, size_t stride) {
    const size_t rows = to - from, blocks = (rows + ROWS - 1) / ROWS;
    for (size_t i = 0; i < blocks; ++i) {
        const size_t start = rows * i / blocks, stop = rows * (i + 1) / blocks;
        BLOCKS[stop - start - 1](left, from + start, panel, first, out + start * stride, stride);
    }
}

// out[panel, rows, PANEL] = left · each of `count` panels, which lie one behind the other.
inline void times_panels(const Left& left, size_t rows, const float* panels, size_t count,
                         const float* first, float* out) {
    const size_t blocks = (rows + ROWS - 1) / ROWS;
    for (size_t i = 0; i < blocks; ++i)
        for (size_t panel = 0; panel < count; ++panel) {
            const size_t start = rows * i / blocks, stop = rows * (i + 1) / blocks;
            BLOCKS[stop - start - 1](left, start, panels + panel * left.depth * PANEL, first,
                                     out + (panel * rows + start) * PANEL, PANEL);
        }
}

// out[rows, b.stride] = a[rows, b.depth] · b.
inline void product(const float* a, size_t rows, const Panels& b, float* out) {
    for (size_t j = 0; j < b.stride; j += PANEL)
        times_panel(by_rows(a, b.depth), 0, rows, &b.values[j * b.depth], nullptr, out + j,
                    b.stride);
}

// e^x = 2^n e^rest, whose second factor is a Taylor polynomial; beyond e^87 and e^-87 those.
inline float exponential(float x) {
    x = std::min(std::max(x, -87.0f), 87.0f);
    const float n = std::floor(x * 1.44269504f + 0.5f), rest = x - n * 0.693147181f;
    float power = 1.0f / 720;
    for (float term : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
        power = power * rest + term;
    const int bits = (static_cast<int>(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return power * scale;
}

// Calls first(0..ones - 1, thread) and, when all of these are done, second(0..others - 1), in
// whichever thread is free: beside a busy process one of them may hardly run. Nobody waits for a
// thread that finds nothing left to do, so such a one touches nothing but the counters.
template <class First, class Second>
void share_twice(size_t threads, size_t ones, First first, size_t others, Second second) {
    struct Counters {
        std::atomic<size_t> first{0}, first_done{0}, second{0}, second_done{0};
    };
    const auto next = std::make_shared<Counters>();
    const auto work = [=, &first, &second](size_t thread) {
        for (size_t i; (i = next->first++) < ones; ++next->first_done) first(i, thread);
        while (next->first_done < ones) std::this_thread::yield();
        for (size_t i; (i = next->second++) < others; ++next->second_done) second(i);
    };
    for (size_t i = 1; i < threads; ++i) std::thread(work, i).detach();
    work(0);
    while (next->second_done < others) std::this_thread::yield();
}

// Calls work(from, to) for all rows, a share of them in each thread.
template <class Work>
void share(size_t threads, size_t rows, Work work) {
    const size_t shares = std::max<size_t>(std::min(threads, rows), 1);
    std::vector<std::thread> others;
    for (size_t i = 1; i < shares; ++i)
        others.emplace_back(work, rows * i / shares, rows * (i + 1) / shares);
    work(0, rows / shares);
    for (std::thread& other : others) other.join();
}

}  // namespace
