import { randomInt } from 'node:crypto'
import { Resvg } from '@resvg/resvg-js'
import svgCaptcha from 'svg-captcha'

export type Captcha = {
  /** Upper case; what is typed in should be compared without regard to case. */
  text: string
  /** A PNG of 120 by 40 in base64, without the `data:` in front. */
  image: string
}

/** Without the characters that are taken for one another: 0 O, 1 I L. */
const CHARACTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'
const LENGTH = 4
const DRAWING = { width: 120, height: 40, fontSize: 48, noise: 2 }

export function createCaptcha(): Captcha {
  // The text is chosen here, because the drawing library would choose it with Math.random().
  const text = Array.from({ length: LENGTH }, () => CHARACTERS.charAt(randomInt(CHARACTERS.length))).join('')
  const image = new Resvg(draw(text, DRAWING), {
    background: '#f5f5f5',
    // The characters are drawn as paths: looking for fonts would only take time.
    font: { loadSystemFonts: false },
  })
  return { text, image: image.render().asPng().toString('base64') }
}

/** The library is a function, which its types leave out. */
const draw = svgCaptcha as unknown as (text: string, options: typeof DRAWING) => string
