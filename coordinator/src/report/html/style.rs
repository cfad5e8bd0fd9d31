//! The look of the page.

/// Its style sheet: light and dark by what the reader prefers, one column on a phone, ink on paper.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--card:#f6f7f9;--fg:#1b1f24;--soft:#57606a;--line:#d5dae0;--track:#e4e8ec;\
--good:#1a7f37;--bad:#b3261e;--unknown:#8a5a00;--neutral:#57606a;--on:#fff;--taken:#e39a93;--heat:47,111,222;\
--s0:#2f6fde;--s1:#e08a00;--s2:#1d9a76;--s3:#b5529c;--s4:#6b7a8c;--s5:#c2482f;--s6:#3aa0d8;--s7:#8c7a1c}\
@media screen and (prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1e2226;--fg:#e4e7ea;--soft:#a4adb6;--line:#3a4149;\
--track:#2c3238;--good:#56c878;--bad:#f2857d;--unknown:#e2b04a;--neutral:#a4adb6;--on:#14171a;--taken:#8f4640;--heat:96,152,255;\
--s0:#6a9bf4;--s1:#f0a94a;--s2:#46bf9a;--s3:#d585c2;--s4:#93a1b1;--s5:#e8795f;--s6:#6cc0ee;--s7:#c4b04e}}\
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\
body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--bg);color:var(--fg);font:1rem/1.5 system-ui,sans-serif;\
overflow-wrap:anywhere}\
h1{font-size:1.25rem;margin:.2rem 0 1rem}h2{font-size:1.3rem;margin:0 0 .3rem}h3{font-size:1rem;margin:0}\
p{margin:.4rem 0}section{margin:2.2rem 0;padding-top:1rem;border-top:1px solid var(--line)}\
.lead,.from,.eyebrow,caption,footer,figcaption{color:var(--soft)}.lead{max-width:46rem;margin:0 0 .8rem}\
.from,figcaption,footer{font-size:.85rem}.eyebrow{margin:0}.none{color:var(--soft)}\
a{color:inherit}:focus-visible{outline:2px solid var(--s0);outline-offset:2px}\
.verdict{display:flex;gap:1rem;align-items:flex-start;padding:1rem;border:3px solid;border-radius:.6rem}\
.verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad);border-style:double;border-width:5px}\
.verdict .sign{width:3.2rem;height:3.2rem}.verdict p{margin:0;font-size:1.25rem;line-height:1.35}\
.verdict b{display:block;font-size:1.7rem;line-height:1.2;margin-bottom:.2rem}\
.sign{width:1.25rem;height:1.25rem;flex:none;vertical-align:-.25rem}.sign .stroke{fill:none;stroke:var(--on);stroke-width:2.6;\
stroke-linecap:round}.sign .ring{fill:none;stroke:currentColor;stroke-width:2.5}.sign{fill:currentColor}\
.good{color:var(--good)}.bad{color:var(--bad)}.unknown{color:var(--unknown)}.neutral{color:var(--neutral)}\
.verdict p{color:var(--fg)}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:.8rem 0;padding:0;list-style:none}\
.tiles li{padding:.6rem .8rem;background:var(--card);border-radius:.4rem}.tiles b{display:block;font-size:1.25rem}\
.gates{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:.8rem;margin:.6rem 0;padding:0;list-style:none}\
.gate{padding:.8rem;background:var(--card);border-radius:.4rem;border-left:5px solid var(--line)}\
.gate.bad{border-left-color:var(--bad)}.gate.good{border-left-color:var(--good)}.gate.unknown{border-left-color:var(--unknown)}\
.gate>*{color:var(--fg)}.gate>.from{color:var(--soft)}.state{display:block;font-weight:600;margin-bottom:.2rem}\
.gate.bad .state{color:var(--bad)}.gate.good .state{color:var(--good)}.gate.unknown .state{color:var(--unknown)}\
.gate.neutral .state{color:var(--neutral)}.against{font-variant-numeric:tabular-nums}.against b{font-size:1.15rem}\
.advice li{margin:.5rem 0;font-size:1.05rem}\
.wide{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
caption span{display:block;position:sticky;left:0;max-width:calc(100vw - 1.6rem)}caption{text-align:left;font-size:.85rem;padding-bottom:.2rem}\
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line);unicode-bidi:isolate;min-width:5.6rem}\
thead th{font-size:.85rem;font-weight:600;color:var(--soft);vertical-align:bottom}tbody th{font-weight:500;min-width:7rem}\
th.n,td.n{text-align:right;white-space:nowrap}thead th.n{white-space:normal}thead th{overflow-wrap:break-word;max-width:10rem}td.p,th.p{min-width:9rem;width:34%}td.p:last-child,thead th.p:last-child{width:80%;max-width:none}\
tbody tr:last-child>*{border-bottom:0}tr>:first-child{padding-left:0}\
li,p,code,figcaption{unicode-bidi:isolate}\
.bar{display:block;width:100%;height:.8rem;margin:.3rem 0}.bar .track{fill:var(--track)}.bar rect{stroke:var(--bg);stroke-width:.5;\
vector-effect:non-scaling-stroke}.bar .track{stroke:none}.mark{stroke:var(--fg);stroke-width:3;vector-effect:non-scaling-stroke}\
.bar .taken{fill:var(--taken)}.bar .fine{fill:var(--good)}.bar .poor{fill:var(--bad)}\
.s0{fill:var(--s0);background:var(--s0)}.s1{fill:var(--s1);background:var(--s1)}.s2{fill:var(--s2);background:var(--s2)}\
.s3{fill:var(--s3);background:var(--s3)}.s4{fill:var(--s4);background:var(--s4)}.s5{fill:var(--s5);background:var(--s5)}\
.s6{fill:var(--s6);background:var(--s6)}.s7{fill:var(--s7);background:var(--s7)}\
.key{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-right:.3rem;vertical-align:-.05rem}\
.key.left{background:var(--s0)}.key.gone{background:var(--taken)}\
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.3rem 0;padding:0;list-style:none}\
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));gap:1rem}figure{margin:0}\
.histogram{display:block;width:100%;max-width:20rem;height:auto}.histogram .column{fill:var(--s0)}.histogram .axis{stroke:var(--soft)}\
.histogram text{fill:var(--soft);font:11px system-ui,sans-serif}td .histogram{max-width:11rem}td .histogram text{font-size:15px}\
.heat td{text-align:center;min-width:4.5rem}.heat td,.heat thead th+th{text-align:center;vertical-align:middle;padding:.5rem}.heat th{vertical-align:middle}\
.heat .self{outline:2px dashed var(--soft);outline-offset:-4px}\
.chips{display:flex;flex-wrap:wrap;gap:.4rem;margin:.4rem 0;padding:0;list-style:none}.chips li{padding:.05rem .5rem;border:1px solid var(--line);\
border-radius:1rem}\
details{margin:.5rem 0}summary{cursor:pointer;padding:.3rem 0;font-weight:500}\
.sample{margin:.5rem 0 .9rem;padding:.6rem .8rem;background:var(--card);border-radius:.4rem;overflow:hidden}\
.sample p{margin:0;font-size:.85rem;color:var(--soft)}.sample blockquote{margin:.3rem 0 0;white-space:pre-wrap;unicode-bidi:isolate}\
code{font:.85rem ui-monospace,monospace}.contents ul{columns:14rem;margin:.3rem 0;padding-left:1.2rem}\
.warning{display:flex;gap:.6rem;align-items:flex-start;padding:.6rem .8rem;border:1px solid var(--unknown);border-radius:.4rem;margin:.5rem 0}\
.warning p{margin:0}.plain{padding-left:1.2rem;margin:.4rem 0}\
@media(max-width:30rem){body{padding:.7rem}.verdict{padding:.7rem;gap:.7rem}.verdict .sign{width:2.4rem;height:2.4rem}\
.verdict b{font-size:1.4rem}.verdict p{font-size:1.1rem}.tiles{grid-template-columns:1fr 1fr}th,td{padding:.3rem .35rem}\
table{font-size:.92rem}th,td{min-width:5rem}.n{min-width:3.6rem}td.n{white-space:normal;overflow-wrap:normal}\
td.p,th.p{min-width:5rem}tbody th{min-width:5.5rem}}\
@media print{html{font-size:11px}body{max-width:none;padding:0}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}\
.contents{display:none}.wide{overflow:visible}tr,li,figure,.sample,.verdict,.heat,.small{break-inside:avoid}h2,h3,.lead,caption,thead{break-after:avoid}\
section{margin:1rem 0}}";
