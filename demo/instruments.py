"""The instruments that stand-in sounds are played on, by name: pitched ones and drums.

Not here: how a tone or a hit is made of these figures (`synth.py`), and who plays what (`scores.py`).
"""

from demo.synth import Burst, Drum, Fall, Timbre

TIMBRES = {
    "piano": Timbre("soft", 0.004, 0.45),
    "guitar": Timbre("saw", 0.003, 0.16, (1.0, 1.004), (1.0, 0.6)),
    "whistle": Timbre("sine", 0.06, 9.0, vibrato=0.012),
    "horn": Timbre("reed", 0.09, 2.0, vibrato=0.008),
    "fanfare": Timbre("brass", 0.03, 1.6),
    "strings": Timbre("saw", 0.25, 9.0, (1.0, 1.006, 0.994), (1.0, 0.8, 0.8), vibrato=0.004),
    "stab": Timbre("saw", 0.008, 0.09, (1.0, 1.008), (1.0, 0.8)),
    "choir": Timbre("soft", 0.35, 9.0, (1.0, 1.004, 2.003), (1.0, 0.9, 0.3), vibrato=0.007),
    "harp": Timbre("soft", 0.002, 0.3, (1.0, 2.0), (1.0, 0.4)),
    "bell": Timbre("sine", 0.002, 0.6, (1.0, 2.76, 5.4, 8.93), (1.0, 0.6, 0.35, 0.15)),
    "musicbox": Timbre("sine", 0.001, 0.22, (1.0, 3.0, 6.27), (1.0, 0.35, 0.2)),
    "xylophone": Timbre("sine", 0.001, 0.08, (1.0, 3.93, 9.2), (1.0, 0.5, 0.2)),
    "vibraphone": Timbre("sine", 0.002, 0.7, (1.0, 4.0), (1.0, 0.25), vibrato=0.006),
    "marimba": Timbre("sine", 0.003, 0.16, (1.0, 3.9), (1.0, 0.2)),
    "bassoon": Timbre("reed", 0.012, 0.18),
    "pizzicato": Timbre("soft", 0.002, 0.07, (1.0, 1.01), (1.0, 0.5)),
    "organ": Timbre("square", 0.05, 9.0, (1.0, 2.0), (1.0, 0.4)),
    "lead": Timbre("square", 0.006, 0.3),
    "sweep": Timbre("square", 0.02, 1.2, glide=14.0),
    "dive": Timbre("sine", 0.01, 1.0, (1.0, 1.41), (1.0, 0.7), glide=-19.0),
    "boing": Timbre("soft", 0.004, 0.2, glide=9.0),
    "grit": Timbre("grit", 0.004, 0.22, (1.0, 1.009), (1.0, 0.9)),
    "drone": Timbre("saw", 0.5, 9.0, (1.0, 1.0137, 0.5), (1.0, 0.9, 0.7)),
    "shriek": Timbre("grit", 0.02, 0.35, (1.0, 1.06, 1.122), (1.0, 0.9, 0.8), vibrato=0.03),
    "bass": Timbre("soft", 0.006, 0.35),
    "tuba": Timbre("brass", 0.02, 0.25),
}

DRUMS = {
    "kick": Drum(Fall(1.0, 130, 46, 0.11)),
    "heart": Drum(Fall(1.0, 70, 38, 0.13)),
    "timpani": Drum(Fall(1.0, 112, 98, 0.35), Burst(0.2, 80, 900, 0.05)),
    "snare": Drum(Fall(0.35, 210, 170, 0.05), Burst(0.8, 900, 9000, 0.07)),
    "roll": Drum(Fall(0.1, 200, 180, 0.02), Burst(0.7, 1200, 9000, 0.03)),
    "brush": Drum(burst=Burst(0.5, 2500, 12000, 0.09)),
    "hat": Drum(burst=Burst(0.5, 7000, 18000, 0.02)),
    "clap": Drum(burst=Burst(0.9, 1100, 3500, 0.04)),
    "shaker": Drum(burst=Burst(0.4, 4500, 14000, 0.035)),
    "block": Drum(Fall(0.8, 1250, 1150, 0.022), Burst(0.1, 1000, 4000, 0.01)),
    "hoof": Drum(Fall(0.7, 620, 480, 0.02), Burst(0.25, 400, 1800, 0.015)),
    "tick": Drum(Fall(0.3, 3200, 3100, 0.006), Burst(0.4, 3000, 12000, 0.004)),
    "boom": Drum(Fall(0.7, 60, 28, 0.4), Burst(1.0, 30, 700, 0.28)),
    "slap": Drum(Fall(0.2, 900, 200, 0.03), Burst(1.0, 300, 12000, 0.12)),
}
