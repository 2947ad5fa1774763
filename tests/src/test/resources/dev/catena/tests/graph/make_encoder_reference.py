"""
Writes encoder-q.npy: what the quantized encoder of EncoderTest gives by the standard's definitions, with reals in float64.

    python3 make_encoder_reference.py all-minilm-l6-v2-q.onnx encoder-q.npy

Every 16th column of the output for the inputs of EncoderTest.formula().
"""
import sys
from math import erf

import numpy as np
import onnx
from onnx import numpy_helper as nh

verf=np.vectorize(erf,otypes=[np.float64])
def run(model,inputs,F):
    m=onnx.load(model); g=m.graph
    v={i.name:nh.to_array(i) for i in g.initializer}; v.update(inputs)
    def f(x): return x.astype(F) if isinstance(x,np.ndarray) and x.dtype in (np.float32,np.float64) else x
    v={k:f(x) for k,x in v.items()}
    for n in g.node:
        a={x.name:onnx.helper.get_attribute_value(x) for x in n.attribute}
        i=[v[x] if x else None for x in n.input]; t=n.op_type
        if t=='Constant': r=nh.to_array(a['value'])
        elif t=='Mul': r=i[0]*i[1]
        elif t=='Add': r=i[0]+i[1]
        elif t=='Sub': r=i[0]-i[1]
        elif t=='Div': r=i[0]/i[1] if i[0].dtype.kind=='f' else i[0]//i[1]
        elif t=='Pow': r=np.power(i[0],i[1])
        elif t=='Sqrt': r=np.sqrt(i[0])
        elif t=='Gather': r=np.take(i[0],i[1],axis=a.get('axis',0))
        elif t=='Unsqueeze':
            r=i[0]
            for x in sorted(a['axes']): r=np.expand_dims(r,x)
        elif t=='Shape': r=np.array(i[0].shape,np.int64)
        elif t=='Cast': r=i[0].astype({1:F,6:np.int32,7:np.int64,9:bool}[a['to']])
        elif t=='Concat': r=np.concatenate(i,axis=a['axis'])
        elif t=='Reshape':
            s=[i[0].shape[k] if d==0 else int(d) for k,d in enumerate(i[1])]; r=i[0].reshape(s)
        elif t=='Transpose': r=np.transpose(i[0],a['perm'])
        elif t=='MatMul': r=np.matmul(i[0],i[1])
        elif t=='MatMulInteger': r=np.matmul(i[0].astype(np.int32)-i[2].astype(np.int32),i[1].astype(np.int32)-i[3].astype(np.int32)) if F is np.float32 else np.matmul(i[0].astype(np.float64)-float(i[2]),i[1].astype(np.float64)-i[3].astype(np.float64)).astype(np.int32)
        elif t=='ReduceMean': r=np.mean(i[0],axis=tuple(a['axes']),keepdims=bool(a.get('keepdims',1)),dtype=F)
        elif t=='Softmax':
            x=i[0]; e=np.exp(x-x.max(axis=-1,keepdims=True)); r=e/e.sum(axis=-1,keepdims=True); assert a.get('axis',1) in (-1,x.ndim-1),a
        elif t=='Erf': r=verf(i[0].astype(np.float64)).astype(F)
        elif t=='DequantizeLinear': r=(i[0].astype(np.int32)-i[2].astype(np.int32)).astype(F)*i[1]
        elif t=='Slice':
            st,en=i[1],i[2]; ax=i[3] if len(i)>3 else range(len(st)); sp=i[4] if len(i)>4 else [1]*len(st)
            s=[slice(None)]*i[0].ndim
            for x,y,z,w in zip(st,en,ax,sp): s[z]=slice(int(x),int(y),int(w))
            r=i[0][tuple(s)]
        elif t=='DynamicQuantizeLinear':
            x=i[0]; top=max(F(0),x.max()); bot=min(F(0),x.min()); sc=F((top-bot)/F(255)); zp=np.uint8(np.rint(np.clip(F(0)-bot/sc,0,255)))
            y=np.clip(np.rint(x/sc)+F(zp),0,255).astype(np.uint8)
            for o,z in zip(n.output,(y,np.array(sc,F),np.array(zp))): v[o]=z
            continue
        else: raise Exception(t)
        v[n.output[0]]=f(np.asarray(r))
    return v


if __name__ == '__main__':
    i=np.arange(120).reshape(3,40)
    ids=(7+104729*i)%30000
    mask=np.ones((3,40),np.int64); mask[2,21:]=0
    out=run(sys.argv[1],{'input_ids':ids.astype(np.int64),'attention_mask':mask,'token_type_ids':np.zeros((3,40),np.int64)},np.float64)
    if len(sys.argv)>3:
        np.save(sys.argv[3]+'_ids.npy',ids.astype(np.int64)); np.save(sys.argv[3]+'_mask.npy',mask); np.save(sys.argv[3]+'_type.npy',np.zeros((3,40),np.int64))
    np.save(sys.argv[2],out['last_hidden_state'][:,:,::16].astype(np.float32))
