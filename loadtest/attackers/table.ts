// The table of attacks: what good clients noticed, and how attackers ended.

import { spreadOf, spreadText } from '../bench/spread.ts'
import { ratioOf } from './besides.ts'
import type { Besides } from './besides.ts'

const columns = [26, 20, 20, 20, 16, 12, 12, 22] as const

function lineOf (cells: readonly string[]): string {
  return cells.map((cell, at) => at === 0 ? cell.padEnd(columns[0]) : cell.padStart(columns[at] ?? 0)).join('')
}

export const headText = lineOf([
  'attack', 'p99 without, ms', 'p99 with, ms', 'ratio', 'loop p99, ms', 'memory, MiB', 'dropped', 'after p50/max, ms'
])

/** Two lines: the figures, and what the attackers were told. */
export function rowText (name: string, row: Besides): string {
  const { quiet, attacked, reports } = row
  const p99 = (turns: Besides['quiet']): string => spreadText(spreadOf(turns.map(({ p99Ms }) => p99Ms)), 1)
  const ratios = attacked.map((turn, at) => turn.p99Ms / (quiet[at]?.p99Ms ?? NaN))
  const sum = (part: 'droppedCount' | 'openedCount' | 'refusedCount' | 'lateCount' | 'endedLateCount'): number =>
    reports.reduce((total, report) => total + report[part], 0)
  const ways: Record<string, number> = {}
  for (const report of reports) {
    for (const [way, count] of Object.entries(report.ways)) ways[way] = (ways[way] ?? 0) + count
  }
  const figures = lineOf([
    name, p99(quiet), p99(attacked), spreadText(spreadOf(ratios), 2),
    spreadText(spreadOf(attacked.map(({ loopDelayMs }) => loopDelayMs)), 0),
    (row.residentBytesMost / 2 ** 20).toFixed(0),
    String(sum('droppedCount')),
    `${spreadOf(reports.map(({ p50Ms }) => p50Ms)).median.toFixed(0)}/${Math.max(...reports.map(({ mostMs }) => mostMs)).toFixed(0)}`
  ])
  const about = {
    limit: `${reports[0]?.limit ?? ''} ${reports[0]?.limitMs ?? 0} ms`, ways, opened: sum('openedCount'),
    refused: sum('refusedCount'), late: sum('lateCount') + sum('endedLateCount'), left: row.leftCount,
    lagMs: Math.round(Math.max(...reports.map(({ lagMsMost }) => lagMsMost))),
    cpu: Number(spreadOf(reports.map(({ cpuShare }) => cpuShare)).median.toFixed(2)), p50: Number(ratioOf(row, 'p50Ms').toFixed(2)),
    quietLoopMs: Math.round(spreadOf(quiet.map(({ loopDelayMs }) => loopDelayMs)).median),
    gatewayCpu: [quiet, attacked].map(turns => spreadOf(turns.map(one => Number(one.cpuShare.toFixed(2)))).median),
    good: { lost: row.lostCount, refused: row.refusedCount, skipped: row.skippedCount, unacked: row.unackedCount }
  }
  return `${figures}\n    ${JSON.stringify(about)}`
}
