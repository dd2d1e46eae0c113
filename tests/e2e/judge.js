import {AxeBuilder} from '@axe-core/playwright';
import {mkdirSync} from 'node:fs';
import {expect} from './world.js';

const folder = 'screenshots';

/// Takes the page's picture, and has it looked at: nothing wider than the window, no finding of axe.
export async function judge(page, name) {
    mkdirSync(folder, {recursive: true});
    await expect(page.locator('.loading')).toHaveCount(0);
    await page.waitForTimeout(250);
    await page.screenshot({path: `${folder}/${name}.png`, fullPage: true});
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(wide[0], `${name} is wider than the window`).toBeLessThanOrEqual(wide[1]);
    const {violations} = await new AxeBuilder({page}).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
    const told = violations.map((one) => `${one.impact} ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(' ') + ' ' + node.html.slice(0, 120) + ' ' + (node.failureSummary ?? '').split('\n')[1]).join('; ')}`);
    expect.soft(told, name).toEqual([]);
}
