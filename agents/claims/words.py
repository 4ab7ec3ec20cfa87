"""The words of results: metrics, quantities that are none, data sets and splits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from archwright.agents.plans import PlanDirection


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric as it is called here, which way it is better, and its largest value (0: none)."""

    name: str
    direction: PlanDirection
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Mention:
    """A metric where a text names it."""

    metric: NamedMetric
    start: int
    end: int


_SPLITS: Final = r"(?:test|validation|val\.?|dev|recall|classification|word|character)"
_ERROR: Final = r"(?<!standard )(?:errors?(?: rates?)?(?! (?:bar|anal|correct))|err\b\.?)"
_ACCURACY: Final = r"(?:accurac(?:y|ies)|acc\b\.?|acc(?=@1))"

# What a metric is called, what it is then called here, which way it is better, and its most. Of two
# that begin at one place the first counts. Abbreviations that are words as well keep their case.
_METRICS: Final[tuple[tuple[str, str, PlanDirection, float], ...]] = (
    (rf"top[- ]?5 (?:{_SPLITS} )?{_ERROR}|{_ERROR}@5", "top-5 error", "lower", 100),
    (rf"(?:{_SPLITS} )?word {_ERROR}|(?-i:\bWER\b)", "word error rate", "lower", 0),
    (rf"character {_ERROR}|(?-i:\bCER\b)", "character error rate", "lower", 0),
    (r"root(?:ed)? mean[- ]squared? error|(?-i:\bRMSE\b)", "root mean squared error", "lower", 0),
    (r"mean[- ]squared? error|(?-i:\bMSE\b)", "mean squared error", "lower", 0),
    (r"mean absolute error|(?-i:\bMAE\b)", "mean absolute error", "lower", 0),
    (rf"(?:top[- ]?1 )?(?:{_SPLITS} )*\b{_ERROR}(?:@1)?", "error", "lower", 100),
    (rf"balanced {_ACCURACY}", "balanced accuracy", "higher", 100),
    (rf"top[- ]?5(?: (?:{_SPLITS} )?{_ACCURACY})?|\b{_ACCURACY}@5",
     "top-5 accuracy", "higher", 100),
    (rf"(?:top[- ]?1 )?(?:{_SPLITS} )*\b{_ACCURACY}(?:@1)?|\btop[- ]?1\b",
     "accuracy", "higher", 100),
    (r"\b(?:sacre)?BLEU(?:-[1-4])?(?: scores?)?", "BLEU", "higher", 100),
    (r"\bROUGE-1(?: scores?)?|(?-i:\bR-1\b)", "ROUGE-1", "higher", 100),
    (r"\bROUGE-2(?: scores?)?|(?-i:\bR-2\b)", "ROUGE-2", "higher", 100),
    (r"\bROUGE-L(?: scores?)?|(?-i:\bR-L\b)", "ROUGE-L", "higher", 100),
    (r"\bROUGE(?: scores?)?", "ROUGE", "higher", 100),
    (r"\b(?:macro|micro)?[- ]?F1(?:[- ]scores?)?|\bF-?scores?\b|\bF-measures?\b",
     "F1", "higher", 100),
    (r"\bmean average precision|\bmAP\b", "mAP", "higher", 100),
    (r"\b(?:mean )?intersection[- ]over[- ]union|\bm?IoU\b", "mIoU", "higher", 100),
    (r"(?-i:\bAP)(?:\s?(?:b?box|b))?\s?(?-i:@?0?\.?50)\b", "AP50", "higher", 100),
    (r"(?-i:\bAP)(?:\s?(?:b?box|b))?\s?(?-i:@?0?\.?75)\b", "AP75", "higher", 100),
    (r"(?-i:\bAP)\s?m(?:ask)?\s?(?-i:@?0?\.?50)\b", "mask AP50", "higher", 100),
    (r"(?-i:\bAP)\s?m(?:ask)?\s?(?-i:@?0?\.?75)\b", "mask AP75", "higher", 100),
    (r"(?-i:\bAP)\s?(?-i:S)\b|\bAP small\b", "AP small", "higher", 100),
    (r"(?-i:\bAP)\s?(?-i:M)\b|\bAP medium\b", "AP medium", "higher", 100),
    (r"(?-i:\bAP)\s?(?-i:L)\b|\bAP large\b", "AP large", "higher", 100),
    (r"(?-i:\bAP)(?:\s?mask)\b|\bmask (?-i:AP)\b", "mask AP", "higher", 100),
    (r"(?-i:\bAP)(?:\s?(?:b?box|b))?\b|\bbox (?-i:AP)\b|\baverage precision", "AP", "higher", 100),
    (r"\bAU(?:RO)?C(?:-ROC)?\b|\barea under the (?:ROC )?curve", "AUC", "higher", 100),
    (r"\b(?:test |validation |dev )?perplexit(?:y|ies)|\bppl\b\.?", "perplexity", "lower", 0),
    (r"\bbits[- ]per[- ]byte|\bbpb\b", "bits per byte", "lower", 0),
    (r"\bbits[- ]per[- ]char(?:acter)?|\bbpc\b", "bits per character", "lower", 0),
    (r"\bbits(?:[- ]per[- ]|/)dim(?:ension)?|\bbpd\b", "bits per dimension", "lower", 0),
    (r"\bnegative log[- ]likelihood|(?-i:\bNLL\b)", "negative log-likelihood", "lower", 0),
    (r"\b(?:test |validation |training )?(?:cross[- ]entropy )?loss(?:es)?\b", "loss", "lower", 0),
    (r"\bmean opinion scores?|(?-i:\bMOS\b)", "mean opinion score", "higher", 5),
    (r"\bexact[- ]match|(?-i:\bEM\b)", "exact match", "higher", 100),
    (r"\bFr[ée]chet inception distance|(?-i:\bFID\b)(?:-\d+k)?", "FID", "lower", 0),
    (r"\binception scores?|(?-i:\bIS\b)", "inception score", "higher", 0),
    (r"\bSpearman(?:'s)?(?: rank)?(?: correlations?)?", "Spearman correlation", "higher", 100),
    (r"\bPearson(?:'s)?(?: correlations?)?", "Pearson correlation", "higher", 100),
    (r"\bMatthew'?s(?: corr(?:elation|\.)?)?(?: coefficients?)?|(?-i:\bMCC\b)",
     "Matthews correlation", "higher", 100),
    (r"(?-i:\bPSNR\b)", "PSNR", "higher", 0),
    (r"(?-i:\bSSIM\b)", "SSIM", "higher", 1),
    (r"(?-i:\bMETEOR\b)", "METEOR", "higher", 100),
    (r"(?-i:\bCIDEr\b)", "CIDEr", "higher", 0),
    (r"(?-i:\bMRR\b)|mean reciprocal rank", "mean reciprocal rank", "higher", 100),
    (r"\bNDCG(?:@\d+)?", "NDCG", "higher", 100),
    (r"\bDice(?: scores?| coefficients?)?\b", "Dice", "higher", 100),
    (r"\b(?:success|win) rates?", "success rate", "higher", 100),
    (r"\b(?:GLUE|SuperGLUE|LRA) scores?", "", "higher", 100),
)  # fmt: skip
METRIC: Final = "|".join(f"(?:{pattern})" for pattern, *_ in _METRICS)
"""The pattern of any metric, to be used without regard to case."""
_ANY: Final = re.compile(
    "|".join(f"(?P<m{n}>{pattern})" for n, (pattern, *_) in enumerate(_METRICS)), re.IGNORECASE
)

# Words of headings that are about a size, a cost or a setting, as patterns between word boundaries.
_QUANTITIES: Final = (
    r"num(?:ber)?|no|count|param(?:eter)?s?|[GMT]?flops?|G?macs?|mult?i?-?adds?|madds?|"
    r"latenc(?:y|ies)|throughput|speed(?:-?ups?)?|times?|runtime|mem(?:ory)?|sizes?|layers?|depth|"
    r"width|heads?|hidden|dim(?:s|ensions?)?|years?|seeds?|epochs?|steps?|iter(?:ation)?s?|"
    r"batch(?:es)?|lr|learning rate|weight decay|dropout|tokens?|resolution|costs?|[GTC]PUs?|"
    r"TPUv\d|hours?|days?|ratio\S*|lengths?|context|vocab\w*|energy|power|fps|ms|[MG]i?B|blocks?|"
    r"channels?|kernels?|strides?|ranks?|venue|temperature|threshold|budget|complexity|ops|delta|"
    r"gains?|improvements?|p-values?|std|stdev|variance|sparsity|compression|drop|workers?|splits?|"
    r"examples?|samples?|classes|images|rel(?:ative|\.)? ?acc(?:uracy|\b)"
)
_QUANTITY: Final = re.compile(
    rf"[#№Δδ]|/\s?s(?:ec)?\b|\b(?:{_QUANTITIES})\b(?! ?Net)",
    re.IGNORECASE,
)
_CHANGE: Final = (
    r"(?:gain|improvement|drop|reduction|difference|decrease|increase|gap|degradation|change|delta|"
    r"ratio|rank)s?"
)
_CHANGE_AFTER: Final = re.compile(rf"\s*(?:\(\\?%\)\s*)?{_CHANGE}\b", re.IGNORECASE)
_CHANGE_BEFORE: Final = re.compile(
    rf"\b(?:relative )?{_CHANGE}\s+(?:\(\\?%\)\s+)?(?:in|of)\s+(?:[\w-]+\s+){{0,2}}$|"
    r"\bcorrelations?\s+(?:of|between|with)\b[^.;,]{0,40}$|(?:[Δδ]|\\?[Dd]elta)\$?[\s-]*$|"
    r"\b(?:at|to|until|of)\s+(?:an? |the )?(?:equal|same|similar|given|fixed|target|"
    r"\d[\d.]*\s*\\?%)\s+(?:\w+\s+)?$|"
    r"\b(?:epochs?|steps?|time|hours?|iterations?|samples?)\b[^.;]{0,30}\bto (?:reach|get)\b"
    r"[^.;]{0,20}$",
    re.IGNORECASE,
)
# d_model, N, P_drop, h: a letter alone or with an index names a size.
_SYMBOL: Final = re.compile(r"(?:[A-Za-zα-ωΑ-Ω]|epsilon|alpha|beta|gamma|lambda|eta)(?:[ _-]\w+)?")

_SPLIT: Final = re.compile(
    r"\b(?:(?P<dev>dev(?:elopment)?|valid(?:ation)?|val)|(?P<test>test(?:ing)?)|"
    r"(?P<train>train(?:ing)?))\b\.?(?: ?-?set\b| split\b)?",
    re.IGNORECASE,
)
_DATA_SET: Final = re.compile(
    r"\b(?:(?:(?:[Tt]iny|[Mm]ini|[Tt]iered|[Ss]tylized)[- ]?)?ImageNet(?:-\w+)?(?: ReaL)?|"
    r"ILSVRC(?:[- ]?20\d\d)?|IN-?\d+[kK]|"
    r"(?:(?:[Pp]ermuted|[Ss]equential|[Rr]otated|[Ss]plit)[- ])?"
    r"(?:(?:Fashion-?|E)?MNIST|CIFAR-?\s?100?(?:-C|-LT|\.1)?)|SVHN|STL-?10|CelebA|Kinetics-?\d+|"
    r"CNN ?(?:/|and) ?(?:Daily ?Mail|DM)|XSum|PG-?19|GSM8[kK]|HumanEval|MBPP|MMLU|BoolQ|TriviaQA|"
    r"MS[- ]?COCO|COCO|ADE20K|Cityscapes|(?:PASCAL )?VOC(?: ?20\d\d)?|"
    r"WikiText-?\d+|Penn Treebank|PTB|enwik8|text8|LAMBADA|MQAR|C4|The Pile|"
    r"SQuAD(?: ?v?\d\.\d)?|GLUE|SuperGLUE|MultiNLI|MNLI|QNLI|QQP|SST-2|CoLA|STS-B|MRPC|RTE|"
    r"HellaSwag|PIQA|WinoGrande|LibriSpeech|One Billion Word|1BW|"
    r"WMT\s?'?(?:20)?\d\d(?: English-to-\w+| En-\w+)?|IWSLT\s?'?(?:20)?\d\d|"
    r"English-to-(?:German|French|Romanian)|newstest20\d\d)\b"
)
_NAMED: Final = re.compile(
    r"\bon (?:the |a |an )?(?P<named>(?!Table|Figure|Section|Appendix)"
    r"[A-Z][\w-]*(?: (?:[A-Z\d][\w-]*))*)"
    r"|\bon (?:the |a |an )?(?P<task>\w[\w-]*(?: \w[\w-]*)?) (?:task|data ?set|benchmark|corpus)\b"
)
_RESULTS: Final = re.compile(
    r"\s*(?P<name>[A-Za-z-]*[A-Z][A-Za-z-]*[A-Z][\w-]*(?: v?\d[\d.]*)?) "
    r"(?:test |dev |validation )?(?:results?|scores?|performance)\b"
)
_TEX_STYLE: Final = re.compile(
    r"\\(?:text\w*|math\w+|bf|rm|it|sc|tt|small|footnotesize|scriptsize|scriptstyle|bm|boldmath|,|;|!)"
    r"(?![A-Za-z])|\\(?=[,;!])"
)


def plain(text: str) -> str:
    """The words of a cell or a heading without their TeX: `AP$^\\text{box}_{50}$` is AP box 50."""
    text = _TEX_STYLE.sub("", text).replace("\\%", "%").replace("\\#", "#")
    text = re.sub(r"\\(\w+)", r"\1", text)
    return " ".join(re.sub(r"[_^]", " ", re.sub(r"[${}*`~]", "", text)).split())


def mentions(text: str) -> Iterator[Mention]:
    """The metrics that a text names, in order. Arrows behind one decide which way it is better."""
    for match in _ANY.finditer(text):
        _, name, direction, most = _METRICS[int((match.lastgroup or "m0")[1:])]
        arrow = re.match(r"[^,;|]{0,12}?([↑↓]|\\?(?:up|down)arrow)", text[match.end() :])
        if arrow:
            direction = "higher" if arrow[1] in ("↑", "\\uparrow", "uparrow") else "lower"
        yield Mention(
            NamedMetric(name or match[0].removesuffix("s"), direction, most),
            match.start(),
            match.end(),
        )


def is_changed(text: str, mention: Mention) -> bool:
    """Whether a text is about a change of a metric, or about what it takes to reach a value of it:
    "accuracy drop", "gain in F1", "epochs to 90 % accuracy", "time at equal accuracy"."""
    before, after = text[: mention.start], text[mention.end :]
    return _CHANGE_AFTER.match(after) is not None or _CHANGE_BEFORE.search(before) is not None


def metric_in(text: str) -> NamedMetric | None:
    """The metric that a text names; None where it names none or several."""
    found = {mention.metric.name: mention.metric for mention in mentions(text)}
    return next(iter(found.values())) if len(found) == 1 else None


def is_quantity(text: str) -> bool:
    """Whether some words of a header are about a size, a cost or a setting and not a result."""
    words = plain(text)
    said = _QUANTITY.search(words)
    first = next(mentions(words), None)
    if said and (first is None or said.start() < first.start):
        return True
    if first and is_changed(words, first):
        return True
    return first is None and _SYMBOL.fullmatch(words) is not None


def split_in(text: str) -> str:
    """`dev`, `test` or `train`, where a text names one of them alone."""
    found = {match.lastgroup or "" for match in _SPLIT.finditer(text)}
    return found.pop() if len(found) == 1 else ""


def without_split(text: str) -> str:
    """The text without its names of splits."""
    return _SPLIT.sub(" ", text)


def known_data_sets(text: str) -> tuple[str, ...]:
    """The data sets that a text names and that everybody knows, each once, in order."""
    found = (" ".join(m[0].split()) for m in _DATA_SET.finditer(text))
    return tuple(dict.fromkeys(found))


def data_set_of_caption(caption: str) -> str:
    """The data set that a caption is about: the one that it names, or `CoQA` in "CoQA results"."""
    results = _RESULTS.match(caption)
    return data_set_in(caption) or (results["name"] if results else "")


def is_suite(name: str) -> bool:
    """Whether a data set is a collection of others."""
    return name in ("GLUE", "SuperGLUE")


def data_set_in(text: str) -> str:
    """The data set that a text names first, a known one before others; empty when it names none."""
    for name in known_data_sets(text):
        return name
    found = _NAMED.search(text)
    return " ".join((found["named"] or found["task"] or "").split()) if found else ""
