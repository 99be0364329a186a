// CPU time and memory of another process, read from /proc (Linux only).

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Ticks of user and system time in a `/proc/PID/stat` text (proc(5): fields 14 and 15). Throws on another text. */
export function cpuTicksOf (stat: string): number {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  if (!stat.includes(')') || !Number.isSafeInteger(ticks)) throw new Error(`this is no stat of a process: ${stat}`)
  return ticks
}

/** Bytes of resident memory in a `/proc/PID/status` text; 0 where it does not say. */
export function residentBytesOf (status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}

/** Clock ticks per second on this machine. */
export function ticksPerSecond (): number {
  return Number(execFileSync('getconf', ['CLK_TCK']).toString())
}

/** User and system time that the process, all its threads, has used so far, in microseconds. */
export function cpuMicroseconds (pid: number, perSecond: number): number {
  return cpuTicksOf(readFileSync(`/proc/${pid}/stat`, 'latin1')) * 1e6 / perSecond
}

export function residentBytes (pid: number): number {
  return residentBytesOf(readFileSync(`/proc/${pid}/status`, 'latin1'))
}
