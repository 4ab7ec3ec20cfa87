"""Papers to read, made by the tests themselves: a PDF, LaTeX, HTML, Markdown."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

from fpdf import FPDF

MARKDOWN = """\
# Linear attention forgets

## Abstract

Softmax attention reaches 99.0 % accuracy on the recall task.

## 1 Introduction

Recall needs state.

## 2 Method

The state is $S_t = S_{t-1} + v_t k_t^T$.

$$
o_t = S_t q_t
$$

```python title="mixer.py"
import torch
```

### 2.1 Training

# of no heading: this line has text before a mark.

Table 1: Accuracy on recall

| model | accuracy (%) |
| --- | ---: |
| softmax | 99.0 |
| linear | **62.1** |

## References

[1] A. Author. Keys and values. 2020.
[2] B. Writer. Queries. 2021.
"""

LATEX = r"""
\documentclass{article}
\newcommand{\ours}{DeltaMix}
\title{The \ours{} paper}
\begin{document}
\maketitle
\begin{abstract} \ours reaches 93.1\% accuracy on CIFAR-10. \end{abstract}
\input{parts/intro}
\section{Method}\label{sec:method} % a comment that nobody reads
\begin{equation}\label{eq:one} y = x^{2} \end{equation}
\begin{lstlisting}[language=Python]
x = 7  # 100 % of it
\end{lstlisting}
\subsection{Results}
See~\cite{vaswani2017} and Section~\ref{sec:method}.
\begin{table}
\caption{Accuracy on CIFAR-10}
\begin{tabular}{l|rr} \toprule
model & accuracy & parameters \\ \midrule
\ours & 93.1 & 1,200 \\
\multicolumn{1}{c}{base} & 91.0 & 1,100 \\ \bottomrule
\end{tabular}
\end{table}
\begin{thebibliography}{9}
\bibitem{vaswani2017} Vaswani et al. \newblock Attention. 2017.
\bibitem[Yang(2024)]{yang2024} Yang et al. Delta. 2024.
\end{thebibliography}
\end{document}
"""

INTRO = r"\section{Introduction} We begin here."

HTML = """\
<!DOCTYPE html>
<html><head><title>site | A paper on the web</title><script>var secret = 1</script></head>
<body><nav>menu</nav><article><h1>A paper on the web</h1>
<h2>1 Introduction</h2><p>The rate is <math alttext="x^{2}+1"><mi>x</mi><mn>2</mn></math>.</p>
<p style="display: none">unseen words</p><!-- a remark -->
<math display="block" alttext="E = m c^{2}"><mi>E</mi></math>
<h2>2 Results</h2>
<table><tr><th>model</th><th>BLEU</th></tr><tr><td>big</td><td>28.4</td></tr></table>
<pre><code class="language-python">import os
</code></pre></article></body></html>
"""

BODY = "We train the network on tokens and look at what it recalls of them. "


def make_pdf(title: str = "Attention with a decaying state") -> FPDF:
    """A PDF of three pages: headings in bold, one of them larger; a raised exponent; a table."""
    pdf = FPDF()
    pdf.set_title(title)
    pdf.add_page()
    _write(pdf, title, 18)
    _write(pdf, "Abstract", 12, "B")
    _write(pdf, "It reaches 28.4 BLEU. " + BODY * 8)
    _write(pdf, "1 Introduction", 12, "B")
    _write(pdf, BODY * 20)
    pdf.add_page()
    _write(pdf, "2 Method", 12, "B")
    _write(pdf, BODY * 10)
    _write(pdf, "2.1 A state that decays", 10, "B")
    _write(pdf, "y = a x + b (1)")
    _raise(pdf, "It takes 3.3 x 10", "18", " operations in all.")
    pdf.add_page()
    _write(pdf, "3 Results", 12, "B")
    _write(pdf, "Table 1: accuracy in per cent")
    _write(pdf, "softmax 99.0 98.7")
    _write(pdf, "linear 62.1 60.2")
    _write(pdf, BODY * 10)
    _write(pdf, "References", 12, "B")
    _write(pdf, "[1] A. Author. Keys and values of attention. 2020.")
    _write(pdf, "[2] B. Writer. Queries for attention. 2021.")
    _write(pdf, "[3] C. Poet. Values for attention. 2022.")
    return pdf


def _write(pdf: FPDF, text: str, size: int = 10, style: str = "") -> None:
    pdf.set_font("Helvetica", style, size)
    pdf.multi_cell(0, 6, text, new_x="LMARGIN", new_y="NEXT")


def _raise(pdf: FPDF, before: str, raised: str, after: str) -> None:
    pdf.set_font("Helvetica", "", 10)
    pdf.write(6, before)
    pdf.char_vpos = "SUP"
    pdf.write(6, raised)
    pdf.char_vpos = "LINE"
    pdf.write(6, after)
    pdf.ln(8)


def save_pdf(path: Path, pdf: FPDF | None = None) -> Path:
    path.write_bytes(bytes((pdf or make_pdf()).output()))
    return path


def make_tar(members: dict[str, Any]) -> bytes:
    """A .tar.gz of contents by name; a `TarInfo` in place of a content is a member without one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
