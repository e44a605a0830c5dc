// Loaded before the program: the process lives five seconds ahead of all others.
const AHEAD_MS = 5000
const now = () => Date.prototype.constructor.now() + AHEAD_MS

globalThis.Date = new Proxy(Date, {
  construct: (real, given, target) => Reflect.construct(real, given.length === 0 ? [now()] : given, target),
  get: (real, name, receiver) => (name === 'now' ? now : Reflect.get(real, name, receiver)),
})
