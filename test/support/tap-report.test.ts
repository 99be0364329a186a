// Checks what a run shows of raw TAP, and that no bad end of a run can look good.
import t from 'tap'
import { tapReport, verdict } from './tap-report.ts'

function shown(text: string): { readonly lines: readonly string[], readonly totals: unknown } {
  const report = tapReport()
  const lines = text.split('\n').flatMap((line) => report.line(line))
  return { lines, totals: report.totals() }
}

const PASSING = `TAP version 14
1..1
# Subtest: src/a.test.ts
    # Subtest: adds
        ok 1 - should be equal
        1..1
    ok 1 - adds # time=15.072ms

    ok 2 - later # SKIP because
    1..2
ok 1 - src/a.test.ts # time=30.309ms

# { total: 2, pass: 1, skip: 1 }
# time=744.315ms`

const FAILING = `TAP version 14
# Subtest: src/b.test.ts
    # Subtest: fails here
        not ok 1 - one \\# two
          ---
          diff: |
            -2
            +1
          ...

        not ok 2 - some day # TODO
          ---
          at: elsewhere
          ...
        1..2
    not ok 1 - fails here # time=40.805ms
      ---
      at: parent
      ...
    1..1
not ok 1 - src/b.test.ts # time=58.066ms
  ---
  exitCode: 1
  ...
# Subtest: src/d.test.ts
    ok 1 - should be equal
    1..1
not ok 2 - src/d.test.ts # time=9.201ms
  ---
  exitCode: 3
  ...
# { total: 4, pass: 1, fail: 2, todo: 1 }`

t.test('a passing file is one line', async (t) => {
  const { lines, totals } = shown(PASSING)
  t.same(lines, ['ok src/a.test.ts # time=30.309ms'])
  t.same(totals, { passed: 1, failed: 0, skipped: 1 })
})

t.test('a failure is shown with its path and its details once, and what is excused is not shown', async (t) => {
  const { lines, totals } = shown(FAILING)
  t.same(lines, [
    'FAILED src/b.test.ts > fails here > one \\# two',
    '          ---', '          diff: |', '            -2', '            +1', '          ...',
    'not ok src/b.test.ts # time=58.066ms',
    'not ok src/d.test.ts # time=9.201ms',
    '  ---', '  exitCode: 3', '  ...'
  ])
  t.same(totals, { passed: 1, failed: 2, skipped: 0 })
})

t.test('the totals are a plain line', async (t) => {
  t.same(verdict({ passed: 7, failed: 0, skipped: 1 }, 0), { text: '7 passed, 0 failed', ok: true })
  t.same(verdict({ passed: 7, failed: 3, skipped: 0 }, 1), { text: '7 passed, 3 failed', ok: false })
})

t.test('a run that crashed, tested nothing, or ended badly in spite of its totals has failed', async (t) => {
  t.same(verdict(undefined, 0), { text: '0 passed, 1 failed', ok: false })
  t.same(verdict({ passed: 0, failed: 0, skipped: 4 }, 0), { text: '0 passed, 1 failed', ok: false })
  t.same(verdict({ passed: 7, failed: 0, skipped: 0 }, 1), { text: '7 passed, 1 failed', ok: false })
})
