// The syntax of URIs and URI references (RFC 3986), as CloudEvents attributes need it.

const unreservedOrSub = "[\\w.~!$&'()*+,;=-]"
const percent = '%[0-9A-Fa-f]{2}'
const pchar = `(?:[\\w.~!$&'()*+,;=:@-]|${percent})`
const authority = `//(?:(?:[\\w.~!$&'()*+,;=:-]|${percent})*@)?` +
  `(?:\\[[0-9A-Fa-fv.:]+\\]|(?:${unreservedOrSub}|${percent})*)(?::[0-9]*)?`
const queryAndFragment = `(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`
const segments = `(?:/${pchar}*)*`
const rootless = `(?!//)${pchar}*${segments}`
const absolute = new RegExp(`^[A-Za-z][A-Za-z0-9+.-]*:(?:${authority}${segments}|${rootless})${queryAndFragment}$`)
// Without a scheme the first segment has no colon (RFC 3986 4.2).
const relative = new RegExp(
  `^(?:${authority}${segments}|(?!//)(?:[\\w.~!$&'()*+,;=@-]|${percent})*${segments})${queryAndFragment}$`
)

// Bytes of RFC 3986 "unreserved" and the slash, which mean nothing special in a path or a host name.
const plain = new Uint8Array(128)
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/') {
  plain[character.charCodeAt(0)] = 1
}

/**
 * True for most URIs and paths that are met: plain characters, after a scheme or not. False tells nothing. It spares
 * the expressions, which cost several times as much.
 */
function isPlain (text: string, schemeNeeded: boolean): boolean {
  let colonCount = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (plain[code] === 1) continue
    if (code !== 0x3a || colonCount > 0 || !isScheme(text, i)) return false
    colonCount++
  }
  return colonCount === 1 || !schemeNeeded
}

/** True where the text up to `end` is letters and digits that begin with a letter: a scheme, if not every one. */
function isScheme (text: string, end: number): boolean {
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i)
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a
    if (!letter && (i === 0 || code < 0x30 || code > 0x39)) return false
  }
  return end > 0
}

/** True for a URI with a scheme. A fragment is let through: many schemas are named by one. */
export function isUri (text: string): boolean {
  return isPlain(text, true) || absolute.test(text)
}

/** True for a URI or a relative reference (RFC 3986 4.1), the empty one included. */
export function isUriReference (text: string): boolean {
  return isPlain(text, false) || absolute.test(text) || relative.test(text)
}
