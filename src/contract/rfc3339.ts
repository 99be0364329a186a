// Tells whether a text is a date and time of RFC 3339.

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The number that the digits from `at` stand for; NaN where one is not a digit. */
function digits (text: string, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (!(digit >= 0 && digit <= 9)) return NaN
    value = value * 10 + digit
  }
  return value
}

function daysOf (year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap ? 29 : monthDays[month - 1] ?? 0
}

function between (value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

function isDate (text: string): boolean {
  const month = digits(text, 5, 2)
  return text.charCodeAt(4) === 0x2d && text.charCodeAt(7) === 0x2d &&
    between(digits(text, 8, 2), 1, daysOf(digits(text, 0, 4), month))
}

function isClock (text: string, at: number): boolean {
  return between(digits(text, at, 2), 0, 23) && text.charCodeAt(at + 2) === 0x3a &&
    between(digits(text, at + 3, 2), 0, 59)
}

/** True for `date-time` of RFC 3339 5.6, with days that exist; second 60 is let through for leap seconds. */
export function isRfc3339 (text: string): boolean {
  if (!isDate(text) || (text.charCodeAt(10) | 0x20) !== 0x74 || !isClock(text, 11)) return false
  if (text.charCodeAt(16) !== 0x3a || !between(digits(text, 17, 2), 0, 60)) return false
  let at = 19
  if (text.charCodeAt(at) === 0x2e) {
    const fraction = ++at
    while (between(text.charCodeAt(at), 0x30, 0x39)) at++
    if (at === fraction) return false
  }
  const zone = text.charCodeAt(at)
  if ((zone | 0x20) === 0x7a) return text.length === at + 1
  return (zone === 0x2b || zone === 0x2d) && isClock(text, at + 1) && text.length === at + 6
}
