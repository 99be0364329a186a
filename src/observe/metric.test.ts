// Tests of merging and of the Prometheus text, which a strict parser of its own reads back.

import fc from 'fast-check'
import t from 'tap'
import { departed, family, mergeSnapshots, renderPrometheus } from './metric.ts'
import type { Family, Snapshot } from './metric.ts'

interface Parsed { readonly kind: string, readonly help: string, readonly samples: Map<string, number> }

const sampleLine = /^([a-z_][a-z0-9_]*)(\{((?:[a-z_]+="(?:[^"\\]|\\[\\"n])*",?)+)\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$/

/** Reads the text format strictly: every line has to match, types come first, a family stands in one place. */
function parseExposition (text: string): Map<string, Parsed> {
  const families = new Map<string, Parsed>()
  if (text === '') return families
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const lines = text.slice(0, -1).split('\n')
  let current: [string, Parsed] | undefined
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const help = /^# HELP ([a-z_][a-z0-9_]*) (\S[^\n]*)$/.exec(line)
    if (help !== null) {
      const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(lines[++at] ?? '')
      if (type === null || type[1] !== help[1] || families.has(type[1] ?? '')) throw new Error(`bad head: ${line}`)
      current = [type[1] ?? '', { kind: type[2] ?? '', help: help[2] ?? '', samples: new Map() }]
      families.set(...current)
      continue
    }
    const sample = sampleLine.exec(line)
    if (sample === null || current === undefined) throw new Error(`bad line: ${line}`)
    const [, name = '', , labels = '', value = ''] = sample
    const suffixes = current[1].kind === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    if (!suffixes.some(suffix => name === `${current?.[0]}${suffix}`)) throw new Error(`${name} in ${current[0]}`)
    const key = `${name}{${labels}}`
    if (current[1].samples.has(key)) throw new Error(`twice: ${key}`)
    current[1].samples.set(key, Number(value.replace('Inf', 'Infinity')))
  }
  return families
}

const durations = (counts: number[], value: number): Family => ({
  name: 'd_seconds', help: 'H.', kind: 'histogram', merge: 'sum', bounds: [0.1, 1],
  samples: [{ labels: { route: 'a' }, value, counts }]
})
const count = (value: number, labels: Record<string, string> = {}): Family =>
  family({ name: 'c_total', help: 'C.', kind: 'counter' }, [{ labels, value }])
const level = (value: number, merge: 'sum' | 'max'): Family =>
  family({ name: `g_${merge}`, help: 'G.', kind: 'gauge', merge }, [{ labels: {}, value }])

t.test('counters and buckets are summed over workers, levels summed or the highest taken', async t => {
  const merged = mergeSnapshots([
    [count(1, { a: 'x', b: 'y' }), durations([1, 0, 2], 5), level(2, 'sum'), level(2, 'max')],
    [count(2, { b: 'y', a: 'x' }), durations([0, 4, 1], 2), level(3, 'sum'), level(3, 'max')],
    [count(7, { a: 'other', b: 'y' })]
  ])
  t.same(merged, [
    { ...count(0), samples: [{ labels: { a: 'x', b: 'y' }, value: 3 }, { labels: { a: 'other', b: 'y' }, value: 7 }] },
    durations([1, 4, 3], 7), level(5, 'sum'), level(3, 'max')
  ])
})

t.test('merging changes none of what it was given', async t => {
  const snapshot: Snapshot = structuredClone([count(1), durations([1, 2, 3], 4)])
  mergeSnapshots([snapshot, snapshot, snapshot])
  t.same(snapshot, [count(1), durations([1, 2, 3], 4)])
})

t.test('the sum of a worker that died is kept, its levels are not', async t => {
  const gone = departed([count(40), durations([1, 1, 1], 3), level(9, 'sum')])
  t.same(mergeSnapshots([gone, [count(2), level(1, 'sum')]]), [count(42), durations([1, 1, 1], 3), level(1, 'sum')])
})

t.test('no order of workers changes the sums', async t => {
  const sum = (snapshot: Snapshot): number =>
    snapshot.flatMap(({ samples }) => samples.map(({ value }) => value)).reduce((a, b) => a + b, 0)
  const snapshots = fc.array(fc.tuple(fc.nat(100), fc.constantFrom('x', 'y')), { maxLength: 8 })
  fc.assert(fc.property(snapshots, workers => {
    const all = workers.map(([value, label]) => [count(value, { label })])
    const direct = sum(mergeSnapshots(all))
    t.equal(direct, workers.reduce((a, [value]) => a + value, 0))
    t.equal(direct, sum(mergeSnapshots([...all].reverse())))
    t.equal(direct, sum(all.reduce<Snapshot>((kept, one) => mergeSnapshots([kept, one]), [])), 'one after the other')
  }), { numRuns: 50 })
})

t.test('histograms have cumulative buckets that end in +Inf and agree with their count', async t => {
  const { samples } = parseExposition(renderPrometheus([durations([1, 4, 3], 7.5)])).get('d_seconds') ?? {}
  t.same(samples, new Map([
    ['d_seconds_bucket{route="a",le="0.1"}', 1], ['d_seconds_bucket{route="a",le="1"}', 5],
    ['d_seconds_bucket{route="a",le="+Inf"}', 8], ['d_seconds_sum{route="a"}', 7.5], ['d_seconds_count{route="a"}', 8]
  ]))
})

t.test('labels with quotes, backslashes and line ends stay one line', async t => {
  const text = renderPrometheus([count(1, { name: 'a"b\\c\nd' })])
  t.equal(text, '# HELP c_total C.\n# TYPE c_total counter\nc_total{name="a\\"b\\\\c\\nd"} 1\n')
  t.ok(parseExposition(text).has('c_total'))
})

t.test('whatever the labels and numbers, the text can be read', async t => {
  const result = fc.check(fc.property(fc.string(), fc.double(), fc.string({ unit: 'binary' }), (label, value, help) => {
    const head = { name: 'c', help: `H${help}`, kind: 'gauge' } as const
    const text = renderPrometheus([family(head, [{ labels: { label }, value }])])
    const [read] = parseExposition(text).get('c')?.samples.values() ?? []
    return Object.is(read, value) || (Object.is(value, -0) && read === 0)
  }))
  t.notOk(result.failed, 'every text was read', { counterexample: result.counterexample })
})

t.test('a family without samples is left out', async t => {
  t.equal(renderPrometheus([family({ name: 'c', help: 'C.', kind: 'gauge' }, [])]), '')
})
