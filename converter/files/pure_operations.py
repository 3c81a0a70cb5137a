"""TensorFlow's operations that only compute: they touch no file, no network, no process and no Python.

A SavedModel with any other operation is not loaded. The list has what Keras layers and `keras.ops` of tabular models
use in training and prediction. An operation that is missing here is refused, which is safe.
"""

from __future__ import annotations

_STRUCTURE = """
    Const Identity IdentityN NoOp Placeholder PlaceholderWithDefault StopGradient PreventGradient EnsureShape Assert
    PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case StatelessCase Switch Merge Enter
    Exit NextIteration LoopCond Snapshot CheckNumerics CheckNumericsV2 EmptyTensorList TensorListReserve
    TensorListFromTensor TensorListStack TensorListGetItem TensorListSetItem TensorListPushBack TensorListPopBack
    TensorListLength TensorListElementShape TensorListGather TensorListConcatV2
"""
_VARIABLES = """
    VarHandleOp ReadVariableOp VarIsInitializedOp AssignVariableOp AssignAddVariableOp AssignSubVariableOp
    ResourceGather ResourceGatherNd DisableCopyOnRead VariableShape DestroyResourceOp
"""
_TABLES = """
    HashTableV2 MutableHashTableV2 LookupTableFindV2 LookupTableSizeV2 LookupTableImportV2 LookupTableExportV2
    LookupTableInsertV2 LookupTableRemoveV2 InitializeTableV2
"""
_SHAPES = """
    Shape ShapeN Size Rank Reshape Squeeze ExpandDims Transpose Pack Unpack Concat ConcatV2 ConcatOffset Split SplitV
    Slice StridedSlice Gather GatherV2 GatherNd ScatterNd TensorScatterUpdate TensorScatterAdd Tile Pad PadV2 MirrorPad
    Fill Range LinSpace BroadcastTo BroadcastArgs OnesLike ZerosLike Reverse ReverseV2 ReverseSequence Roll OneHot Diag
    DiagPart MatrixDiagV3 MatrixDiagPartV3 MatrixBandPart MatrixSetDiagV3 Where Unique UniqueV2 UniqueWithCounts
    InvertPermutation DynamicPartition DynamicStitch SpaceToBatchND BatchToSpaceND DepthToSpace SpaceToDepth Cumsum
    Cumprod
"""
_NUMBERS = """
    Add AddV2 AddN AccumulateNV2 Sub Mul MulNoNan Div DivNoNan RealDiv FloorDiv TruncateDiv Mod FloorMod TruncateMod Neg
    Abs Sign Square SquaredDifference Sqrt Rsqrt Reciprocal Inv Pow Exp Expm1 Log Log1p Sin Cos Tan Asin Acos Atan Atan2
    Sinh Cosh Tanh Asinh Acosh Atanh Erf Erfc Erfinv Ndtri Lgamma Digamma Floor Ceil Round Rint Minimum Maximum
    Cast Bitcast Equal NotEqual ApproximateEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr LogicalNot
    Select SelectV2 ClipByValue IsNan IsInf IsFinite BitwiseAnd BitwiseOr BitwiseXor Invert LeftShift RightShift Xdivy
    Xlogy Xlog1py Sum Mean Prod Max Min All Any EuclideanNorm ArgMax ArgMin TopKV2 SegmentSum SegmentMean SegmentMax
    SegmentMin SegmentProd UnsortedSegmentSum UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd Bucketize
    Bincount DenseBincount LowerBound UpperBound InTopKV2 Betainc Igamma Igammac Zeta Polygamma
"""
_LAYERS = """
    MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum BiasAdd BiasAddV1 Relu Relu6 LeakyRelu Elu Selu Softplus
    Softsign Sigmoid Softmax LogSoftmax L2Loss FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Conv2D Conv3D
    DepthwiseConv2dNative Conv2DBackpropInput AvgPool AvgPool3D MaxPool MaxPoolV2 MaxPool3D LRN Cholesky
    MatrixInverse MatrixDeterminant MatrixSolve MatrixTriangularSolve Qr Svd SelfAdjointEigV2 Cross
    SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits
"""
_TEXT = """
    StringJoin StringLower StringUpper StringStrip StringLength StringSplitV2 StringToNumber AsString StringFormat
    StaticRegexReplace StaticRegexFullMatch RegexReplace RegexFullMatch StringToHashBucket StringToHashBucketFast
    StringToHashBucketStrong ReduceJoin UnicodeTranscode SparseCross SparseCrossV2 SparseCrossHashed
    RaggedTensorToTensor RaggedTensorFromVariant RaggedTensorToVariant RaggedRange RaggedGather RaggedBincount
    SparseBincount SparseReshape SparseToDense SparseReorder SparseFillEmptyRows SparseTensorDenseMatMul
"""
_RANDOM = """
    RandomUniform RandomUniformInt RandomStandardNormal TruncatedNormal RandomShuffle Multinomial StatelessRandomUniform
    StatelessRandomUniformV2 StatelessRandomNormal StatelessRandomNormalV2 StatelessTruncatedNormal
    StatelessTruncatedNormalV2 StatelessRandomGetKeyCounter StatelessRandomGetAlg StatelessRandomUniformIntV2
    StatelessMultinomial
"""
_ADAPT = """
    IteratorGetNext
"""
"""Keras 2 saves how a layer was adapted. It reads an iterator, and no operation that makes one is in the list."""

PURE = frozenset(
    " ".join((_STRUCTURE, _VARIABLES, _TABLES, _SHAPES, _NUMBERS, _LAYERS, _TEXT, _RANDOM, _ADAPT)).split()
)
"""The names of the operations."""
